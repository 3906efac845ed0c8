#!/bin/sh
# Fills the settings in, creates the directory the first time, and becomes slapd.
#   LDAP_BASE_DN                        suffix; begins with dc=
#   LDAP_PASSWORD or LDAP_PASSWORD_FILE  password of the service account cn=myelin
set -eu
umask 077
state=/var/lib/myelin-ldap
files=/etc/myelin-ldap
[ -z "${LDAP_PASSWORD_FILE:-}" ] || LDAP_PASSWORD=$(cat "$LDAP_PASSWORD_FILE")
: "${LDAP_BASE_DN:?is required}" "${LDAP_PASSWORD:?is required}"
dc=$(printf %s "$LDAP_BASE_DN" | sed -n 's/^[dD][cC]=\([^,+]*\).*/\1/p')
[ -n "$dc" ] || { echo "LDAP_BASE_DN must begin with dc=" >&2; exit 1; }

fill() {
  sed -e '/^#/d' -e "s|@SYSTEM@||g; s|@SCHEMAS@|$files|g; s|@STATE@|$state|g; s|@BASE@|$LDAP_BASE_DN|g" \
    -e "s|@DC@|$dc|g; s|@TLS@|#|g; s|@SYNC@|#|g; s|@PASSWORD_HASH@|${hash:-}|g" "$files/$1"
}

fill slapd.conf > "$state/slapd.conf"
if [ ! -e "$state/created" ]; then
  rm -rf "$state/data"
  mkdir "$state/data"
  # Through a file: the arguments of a program are visible to others.
  printf %s "$LDAP_PASSWORD" > "$state/password"
  hash=$(slappasswd -T "$state/password")
  rm "$state/password"
  fill base.ldif > "$state/base.ldif"
  slapadd -q -f "$state/slapd.conf" -l "$state/base.ldif"
  rm "$state/base.ldif"
  touch "$state/created"
fi
exec slapd -d 0 -f "$state/slapd.conf" -h ldap://0.0.0.0:1389
