import { createLogger, type RootLogger } from '@stoa/telemetry'
import type { Config } from './config/config.ts'

/** What a command gets from main.js. Nothing of it is read or opened before it is asked for. */
export interface Program {
  /** @throws StoaError `invalid_environment` */
  config(): Config
  /** Writes a line (or lines) for people to stdout. */
  print(text: string): void
  /** Writes a line for people to stderr. */
  complain(text: string): void
  /** Aborts when the program is asked to stop. Asking for it begins to listen for signals. */
  stopping(): AbortSignal
}

/** The log of the program: stderr, so that stdout keeps what was asked for. */
export function openLog({ log }: Pick<Config, 'log'>): RootLogger {
  return createLogger({ level: log.level, destination: 2, pretty: log.format === 'text' })
}
