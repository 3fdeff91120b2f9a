# Built on the builder's own platform: what comes out is JavaScript and runs on amd64 and arm64 alike.
FROM --platform=$BUILDPLATFORM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json rolldown.config.ts LICENSE ./
COPY config/example.yaml ./config/example.yaml
COPY src ./src
# A checkout may have been made with any umask, and the program's user must be able to read what it runs.
RUN npm run build && chmod -R u=rwX,go=rX package.json LICENSE config dist

FROM node:24-bookworm-slim AS blink-manifestd
LABEL org.opencontainers.image.title="blink-manifestd" \
      org.opencontainers.image.description="Publishes a request ID for each Blink sync module's local storage manifest to MQTT" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/node:24-bookworm-slim"
RUN apt-get update \
 && apt-get install -y --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o 1000 -g 1000 -m 0700 /data
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/config ./config
# With the libraries in it, and their licences.
COPY --from=build /app/dist ./dist
ENV NODE_ENV=production BLINK_MANIFESTD_DATA_DIR=/data
# By itself each of V8's threads has a heap of its own and gives nothing of it back: some 15 MB.
ENV MALLOC_ARENA_MAX=2
# By number, so that a host which forbids root can see that it is not.
USER 1000:1000
VOLUME /data
# The daemon touches a file once a minute; this fails when that is three minutes old.
HEALTHCHECK --interval=60s --timeout=10s --start-period=30s CMD ["node", "dist/main.js", "healthcheck"]
# V8 takes less room beyond what is in use: 8 MB for what is new, a tenth more for the rest.
ENTRYPOINT ["tini", "--", "node", "--max-semi-space-size=8", "--heap-growing-percent=10", "dist/main.js"]
CMD ["run"]
