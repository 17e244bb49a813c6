#!/bin/sh
# What an administrator of PostgreSQL makes once: the login of Stoa, which is no superuser, its two roles and its database.
# STOA_PASSWORD is the login's password; the rest is as psql takes it (PGHOST, PGUSER …).
set -eu
psql -v ON_ERROR_STOP=1 -v password="$STOA_PASSWORD" -U "${POSTGRES_USER:-postgres}" -d postgres <<'END'
create role stoa login password :'password';
create role stoa_app nologin nobypassrls;
create role stoa_system nologin nobypassrls;
grant stoa_app, stoa_system to stoa;
create database stoa owner stoa;
END
