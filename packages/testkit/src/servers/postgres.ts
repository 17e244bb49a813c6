import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { PostgresOptions, PostgresServer } from './engine.ts'
import type { Machine } from './machine.ts'
import { runServer } from './server-process.ts'
import { type ServerUser, temporaryFolder } from './temporary-folder.ts'

/** The superuser of the clusters made here; connections from 127.0.0.1 need no password. */
export const POSTGRES_USER = 'stoa'

/** What a server runs with: durable commits (crash tests need them) and room for many pools. */
export const POSTGRES_SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'on',
  synchronous_commit: 'on',
  max_connections: '300',
  shared_buffers: '128MB',
}

/** Starts PostgreSQL from the programs in `folder`, on 127.0.0.1. */
export async function runPostgres(machine: Machine, folder: string, options: PostgresOptions): Promise<PostgresServer> {
  const user = machine.isRoot ? unprivilegedUser() : null
  const ownFolder = options.dataDir === undefined ? temporaryFolder('postgres', user) : null
  const dataDir = options.dataDir === undefined ? `${ownFolder}/data` : resolve(options.dataDir)
  try {
    await prepareCluster(machine, folder, dataDir, user)
  } catch (error) {
    if (ownFolder !== null) rmSync(ownFolder, { recursive: true, force: true })
    throw error
  }
  const settings: Record<string, string> = {
    ...POSTGRES_SETTINGS,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    logging_collector: 'off',
    log_destination: 'stderr',
    lc_messages: 'C',
    ...options.extraConfig,
  }
  const server = await runServer({
    name: 'PostgreSQL',
    command: `${folder}/postgres`,
    args: (port) => [
      '-D',
      dataDir,
      '-p',
      String(port),
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    user,
    ready: /database system is ready to accept connections/,
    // After a crash the old processes may need a moment to see that their parent died.
    transient: /lock file "postmaster.pid" already exists|shared memory block .* is still in use/,
    stopSignal: 'SIGINT',
    pidFile: `${dataDir}/postmaster.pid`,
    temporaryFolder: ownFolder,
    port: options.port ?? null,
    startTimeoutMs: 60_000,
  })
  return { ...server, url: `postgres://${POSTGRES_USER}@127.0.0.1:${server.port}/postgres` }
}

async function prepareCluster(
  machine: Machine,
  folder: string,
  dataDir: string,
  user: ServerUser | null,
): Promise<void> {
  if (existsSync(`${dataDir}/PG_VERSION`)) return
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  if (user !== null && statSync(dataDir).uid !== user.uid) chownSync(dataDir, user.uid, user.gid)
  const args = ['-D', dataDir, '-U', POSTGRES_USER, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  const done = await machine.run(`${folder}/initdb`, args, { user })
  if (done.code !== 0) throw new Error(`initdb failed in ${dataDir}:\n${done.stderr.trim()}`)
}

/** PostgreSQL refuses to run as root: its own user when there is one, else `nobody`. */
function unprivilegedUser(): ServerUser {
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  for (const name of ['postgres', 'nobody']) {
    const found = users.find((fields) => fields[0] === name)
    if (found !== undefined) return { uid: Number(found[2]), gid: Number(found[3]) }
  }
  throw new Error('PostgreSQL does not run as root, and this machine has neither a user "postgres" nor "nobody"')
}
