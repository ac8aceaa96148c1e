# Stands in for the official PostgreSQL image where no registry is reached: the same variables, the
# same folder. `cargo xtask docker` makes it from a Debian with PostgreSQL.
ARG BASE
FROM ${BASE}
COPY postgres.sh /usr/local/bin/postgres.sh
RUN rm -rf /var/lib/postgresql/* \
 && install -d -o postgres -g postgres /var/run/postgresql \
 && install -d -o postgres -g postgres -m 700 /var/lib/postgresql/data
USER postgres
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/sh", "/usr/local/bin/postgres.sh"]
