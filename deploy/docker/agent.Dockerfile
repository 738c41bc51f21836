# The program on the device: offramp agent. Built by `npm run images`, which puts the context together.
# No step needs a network or a shell: any base with glibc and Node.js 20.12 or newer in its PATH will do.
ARG BASE=node:22-slim
FROM ${BASE}

# The same as in the other images, so that they share this layer.
WORKDIR /app
COPY . .

# Its HTTP API is where the health check asks, too.
ENV NODE_ENV=production \
    OFFRAMP_AGENT_BUNDLE=/bundle \
    OFFRAMP_AGENT_LISTEN=0.0.0.0:8080
EXPOSE 8080

# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "cli/bin/offramp.js", "health", "agent"]
ENTRYPOINT ["node", "cli/bin/offramp.js", "agent"]
