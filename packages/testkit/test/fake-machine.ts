import type { CommandResult, Machine } from '@stoa/testkit/servers'

/** A machine described by a test, which records what was asked of it. */
export interface FakeMachine extends Machine {
  readonly commands: readonly string[]
  readonly files: ReadonlyMap<string, string>
  /** Adds a program; `version` is what `--version` prints. */
  add(path: string, version?: string): void
}

/** Options of {@link fakeMachine}. */
export interface FakeOptions {
  readonly isRoot?: boolean
  readonly platform?: NodeJS.Platform
  readonly env?: Record<string, string>
  readonly programs?: Record<string, string>
  /** Answers commands; undefined means that the command fails. */
  readonly answer?: (command: string, env: Readonly<Record<string, string>>) => Partial<CommandResult> | undefined
}

export function fakeMachine(options: FakeOptions = {}): FakeMachine {
  const programs = new Map(Object.entries(options.programs ?? {}))
  const files = new Map<string, string>()
  const commands: string[] = []
  return {
    platform: options.platform ?? 'linux',
    isRoot: options.isRoot ?? false,
    env: { PATH: '/usr/local/bin:/usr/bin', ...options.env },
    commands,
    files,
    add: (path, version = '') => void programs.set(path, version),
    isExecutable: (path) => programs.has(path),
    list: (folder) => [
      ...new Set(
        [...programs.keys()]
          .filter((path) => path.startsWith(`${folder}/`))
          .map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''),
      ),
    ],
    writeProgram(path, text) {
      if (files.has(path)) return false
      files.set(path, text)
      return true
    },
    remove: (path) => void files.delete(path),
    async run(command, args, { env = {} } = {}) {
      const line = [command, ...args].join(' ')
      commands.push(line)
      if (args[0] === '--version') return { code: 0, stdout: programs.get(command) ?? '', stderr: '' }
      const answer = options.answer?.(line, env)
      return { code: answer === undefined ? 1 : 0, stdout: '', stderr: '', ...answer }
    },
  }
}

/** The programs of a PostgreSQL in a folder. */
export function postgresIn(folder: string, version: string): Record<string, string> {
  return { [`${folder}/postgres`]: `postgres (PostgreSQL) ${version}`, [`${folder}/initdb`]: '' }
}
