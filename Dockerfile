# syntax=docker/dockerfile:1

# lockd in an image of its own: one static binary, no shell, not root.
#
#   docker build -t lockd .
#   docker run --name lockd -p 6380:6380 -v lockd-data:/data -e LOCKD_REQUIREPASS=change-me lockd
#   redis-cli -p 6380 --askpass LOCK foo owner1 30000
#
# In a container lockd must listen on all addresses, or a published port leads nowhere. Protected mode therefore
# wants a password: without LOCKD_REQUIREPASS every connection from outside the container is answered -DENIED
# with an explanation. Where the network itself is trusted, set LOCKD_PROTECTED_MODE=no instead.
#
# Give the volume to one container at a time: a second one on the same data is refused (exit code 3).

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags="-s -w" -o /out/lockd . \
 && mkdir /out/data

FROM scratch
COPY --from=build /out/lockd /lockd
COPY --from=build /src/LICENSE /LICENSE
# The folder is copied so that a new volume is owned by the user below. 65532 is what distroless calls nonroot.
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
ENV LOCKD_DIR=/data LOCKD_BIND=*
VOLUME /data
EXPOSE 6380
# Reads the same variables as the server does: port and password.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s CMD ["/lockd", "ping"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/lockd"]
