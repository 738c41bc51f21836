# The program in the cloud: offramp worker. Built by `npm run images`, which puts the context together.
# No step needs a network or a shell: any base with glibc and Node.js 20.12 or newer in its PATH will do.
ARG BASE=node:22-slim
FROM ${BASE}

# The same as in the other images, so that they share this layer.
WORKDIR /app
COPY . .

ENV NODE_ENV=production \
    OFFRAMP_WORKER_BUNDLE=/bundle \
    OFFRAMP_WORKER_LISTEN=0.0.0.0:7400
EXPOSE 7400

# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "cli/bin/offramp.js", "health", "worker"]
ENTRYPOINT ["node", "cli/bin/offramp.js", "worker"]
