import { type Machine, pathFolders, programInPath } from './machine.ts'

/** The oldest PostgreSQL that Stoa supports. */
export const OLDEST_POSTGRES = 15

/** A folder that holds `postgres` and `initdb`, and their major version. */
interface PostgresPrograms {
  readonly folder: string
  readonly version: number
}

/** What was found: the programs to use, and the versions passed over because they are too old. */
export interface PostgresSearch {
  readonly programs: PostgresPrograms | null
  readonly tooOld: readonly number[]
}

/**
 * Looks for PostgreSQL's server programs: in PATH, then where the packages of Debian, Red Hat, Homebrew and a build
 * from source put them. The first one of PATH that is new enough wins, else the newest of the others.
 */
export async function locatePostgres(machine: Machine): Promise<PostgresSearch> {
  const inPath = await versionsOf(machine, pathFolders(machine))
  const elsewhere = await versionsOf(machine, packagedFolders(machine))
  elsewhere.sort((a, b) => b.version - a.version)
  const all = [...inPath, ...elsewhere]
  return {
    programs: all.find((programs) => programs.version >= OLDEST_POSTGRES) ?? null,
    tooOld: all.filter((programs) => programs.version < OLDEST_POSTGRES).map((programs) => programs.version),
  }
}

/** The path of `redis-server` or `valkey-server`, or null. */
export function locateRedis(machine: Machine): string | null {
  const names = ['redis-server', 'valkey-server']
  const places = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin', '/usr/sbin']
  for (const name of names) {
    const found =
      programInPath(machine, name) ??
      places.map((place) => `${place}/${name}`).find((path) => machine.isExecutable(path))
    if (found !== undefined && found !== null) return found
  }
  return null
}

function packagedFolders(machine: Machine): readonly string[] {
  const within = (parent: string, pattern: RegExp) =>
    machine
      .list(parent)
      .filter((name) => pattern.test(name))
      .map((name) => `${parent}/${name}/bin`)
  return [
    ...within('/usr/lib/postgresql', /^\d+$/),
    ...within('/usr', /^pgsql-\d+$/),
    ...within('/opt/homebrew/opt', /^postgresql(@\d+)?$/),
    ...within('/usr/local/opt', /^postgresql(@\d+)?$/),
    '/usr/local/pgsql/bin',
  ]
}

async function versionsOf(machine: Machine, folders: readonly string[]): Promise<PostgresPrograms[]> {
  const found: PostgresPrograms[] = []
  for (const folder of folders) {
    if (!machine.isExecutable(`${folder}/postgres`) || !machine.isExecutable(`${folder}/initdb`)) continue
    const { stdout } = await machine.run(`${folder}/postgres`, ['--version'])
    const version = Number(/\b(\d+)(?:\.\d+|devel|beta|rc)/.exec(stdout)?.[1])
    if (Number.isInteger(version)) found.push({ folder, version })
  }
  return found
}
