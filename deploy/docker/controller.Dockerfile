# The program that looks after the fleet: offramp controller. Built by `npm run images`, which puts the context together.
# No step needs a network or a shell: any base with glibc and Node.js 20.12 or newer in its PATH will do.
ARG BASE=node:22-slim
FROM ${BASE}

# The same as in the other images, so that they share this layer.
WORKDIR /app
COPY . .

# The second is for `offramp fleet`, run in this container.
ENV NODE_ENV=production \
    OFFRAMP_CONTROLLER_NATS=nats://nats:4222 \
    OFFRAMP_FLEET_NATS=nats://nats:4222 \
    OFFRAMP_CONTROLLER_WAIT_FOR_NATS=true

# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "cli/bin/offramp.js", "health", "controller"]
ENTRYPOINT ["node", "cli/bin/offramp.js", "controller"]
