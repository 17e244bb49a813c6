/**
 * The logger of every context. It is the part of pino's interface that is used, so a pino logger satisfies it as it is.
 *
 * Each call takes an object of bindings first, then a constant message. Data goes into the bindings, never into the
 * message: bindings are redacted and can be searched. An error goes under the key `err`. Call the methods on their
 * object; they may need `this`.
 */
export interface Logger {
  debug(bindings: object, message: string): void
  info(bindings: object, message: string): void
  warn(bindings: object, message: string): void
  error(bindings: object, message: string): void
  fatal(bindings: object, message: string): void
  /** A logger that adds `bindings` to every line. */
  child(bindings: object): Logger
}

function nothing(): void {}

/** A logger that writes nothing: for tests, and for callers that do not care. */
export const silentLogger: Logger = Object.freeze({
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
  child: () => silentLogger,
})
