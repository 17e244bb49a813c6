import { spawn } from 'node:child_process'
import { accessSync, constants, readdirSync, rmSync, writeFileSync } from 'node:fs'

/** What a finished command left: its exit code (127 when it could not be started) and its output as text. */
export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Options of {@link Machine.run}. */
export interface CommandOptions {
  /** Variables added to the environment of the command. */
  readonly env?: Readonly<Record<string, string>>
  /** The user to run as, for root. Default: the same as this process. */
  readonly user?: { readonly uid: number; readonly gid: number } | null
}

/**
 * The few questions that finding and installing servers asks of the machine.
 * An interface, so that tests can describe machines that are not the one they run on.
 */
export interface Machine {
  readonly platform: NodeJS.Platform
  readonly isRoot: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  /** True when `path` is a program that this process may run. */
  isExecutable(path: string): boolean
  /** The names in a folder; empty when there is no such folder. */
  list(folder: string): readonly string[]
  /** Writes a new program; false when there is a file already or it may not be written. */
  writeProgram(path: string, text: string): boolean
  /** Removes a file, if it is there. */
  remove(path: string): void
  /** Runs a command to its end; never throws. */
  run(command: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>
}

/** The machine that this process runs on. */
export const thisMachine: Machine = {
  platform: process.platform,
  isRoot: process.getuid?.() === 0,
  env: process.env,
  isExecutable(path) {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  },
  list(folder) {
    try {
      return readdirSync(folder)
    } catch {
      return []
    }
  },
  writeProgram(path, text) {
    try {
      writeFileSync(path, text, { flag: 'wx', mode: 0o755 })
      return true
    } catch {
      return false
    }
  },
  remove: (path) => rmSync(path, { force: true }),
  run,
}

function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      ...(options.user ? { ...options.user, cwd: '/' } : {}),
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk
    })
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk
    })
    child.once('error', (error) => resolve({ code: 127, stdout, stderr: error.message }))
    child.once('close', (code) => resolve({ code: code ?? 1, stdout, stderr }))
  })
}

/** The folders of PATH, in order. */
export function pathFolders(machine: Machine): readonly string[] {
  return (machine.env.PATH ?? '').split(machine.platform === 'win32' ? ';' : ':').filter((folder) => folder !== '')
}

/** The full path of a program in PATH, or null. */
export function programInPath(machine: Machine, name: string): string | null {
  const folder = pathFolders(machine).find((candidate) => machine.isExecutable(`${candidate}/${name}`))
  return folder === undefined ? null : `${folder}/${name}`
}
