/*
 * Kubernetes tells every container where the services of its namespace are, by variables that begin with their names: a
 * Service `stoa` gives STOA_SERVICE_HOST and STOA_PORT_3000_TCP_ADDR, a Service `stoa-redis` gives
 * STOA_REDIS_SERVICE_HOST. They are no settings. (Kubernetes, "Service": environment variables, of the form that
 * Docker's links had.)
 */
import type { Env } from './env.ts'

const SERVICE = /^STOA(_[A-Z0-9]+)*_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/
const PORT = /^STOA(_[A-Z0-9]+)*_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$/
/** What `…_PORT` alone holds there. A number is somebody's misspelt setting. */
const ADDRESS = /^(tcp|udp|sctp):\/\//

/** The environment without the variables in which Kubernetes names services. */
export function withoutServiceLinks(env: Env): Env {
  return Object.fromEntries(Object.entries(env).filter(([name, value]) => !isServiceLink(name, value ?? '')))
}

function isServiceLink(name: string, value: string): boolean {
  if (SERVICE.test(name)) return true
  return PORT.test(name) && (!name.endsWith('_PORT') || /_(TCP|UDP|SCTP)_PORT$/.test(name) || ADDRESS.test(value))
}
