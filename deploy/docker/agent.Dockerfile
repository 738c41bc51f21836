# The program on the device: offramp agent. Built by `npm run images`, which prepares the context.
# No step needs a network or a shell: the base needs glibc and Node.js 20.12 or newer in its PATH.
ARG BASE=node:22-slim
FROM ${BASE}

# Identical in all images, so that they share this layer.
WORKDIR /app
COPY . .

# The health check uses the HTTP API.
ENV NODE_ENV=production \
    OFFRAMP_AGENT_BUNDLE=/bundle \
    OFFRAMP_AGENT_LISTEN=0.0.0.0:8080
EXPOSE 8080

# Numeric, so that an orchestrator can verify that it is not root.
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=20s --start-period=30s --retries=3 \
  CMD ["node", "cli/bin/offramp.js", "health", "agent"]
ENTRYPOINT ["node", "cli/bin/offramp.js", "agent"]
