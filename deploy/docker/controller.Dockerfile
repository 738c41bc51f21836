# The program that controls the fleet: offramp controller. Built by `npm run images`, which prepares the context.
# No step needs a network or a shell: the base needs glibc and Node.js 20.12 or newer in its PATH.
ARG BASE=node:22-slim
FROM ${BASE}

# Identical in all images, so that they share this layer.
WORKDIR /app
COPY . .

# The second variable is for `offramp fleet` in this container.
ENV NODE_ENV=production \
    OFFRAMP_CONTROLLER_NATS=nats://nats:4222 \
    OFFRAMP_FLEET_NATS=nats://nats:4222 \
    OFFRAMP_CONTROLLER_WAIT_FOR_NATS=true

# Numeric, so that an orchestrator can verify that it is not root.
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=20s --start-period=30s --retries=3 \
  CMD ["node", "cli/bin/offramp.js", "health", "controller"]
ENTRYPOINT ["node", "cli/bin/offramp.js", "controller"]
