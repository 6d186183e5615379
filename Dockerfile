# The gateway as an image. BASE is any glibc Linux that has npm: `make image BASE=debian-with-npm`. Its own node only
# runs npm; the gateway runs on the Node 26 that package-lock.json pins.
ARG BASE=docker.io/library/node:26-bookworm-slim

FROM ${BASE} AS packages
# For an npm registry behind a private CA; in the build only.
ARG NODE_EXTRA_CA_CERTS
WORKDIR /app
COPY package.json package-lock.json ./
# No install script is needed: every binary comes inside its package.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error \
  && ln -s node_modules/node-linux-*/bin/node node

FROM ${BASE}
# Node 26 is linked against libatomic, which a plain Debian does not have.
RUN ldconfig -p | grep -q libatomic.so.1 \
  || { apt-get update && apt-get install -y --no-install-recommends libatomic1 && rm -rf /var/lib/apt/lists/*; }
WORKDIR /app
COPY --from=packages /app ./
COPY LICENSE ./
COPY src ./src
# Owned by the user below, and by nobody else readable; a volume inherits both. Nothing else is written to, so the root
# filesystem may be read-only.
RUN /app/node --version && mkdir -p /var/lib/wasmgate && chown 10001:10001 /var/lib/wasmgate && chmod 700 /var/lib/wasmgate
VOLUME /var/lib/wasmgate
# In a container loopback reaches nobody. Since everyone who reaches the port may then deploy, the gateway starts only
# with WASMGATE_AUTH_FILE, or with WASMGATE_ALLOW_UNAUTHENTICATED=1: neither is set here on purpose.
ENV NODE_ENV=production WASMGATE_HOST=0.0.0.0 WASMGATE_DATA_DIR=/var/lib/wasmgate
EXPOSE 10000
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["/app/node", "-e", "fetch('http://127.0.0.1:' + (process.env.WASMGATE_PORT ?? 10000) + '/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/app/node", "/app/src/start.js"]
