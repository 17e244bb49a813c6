/*
 * Probes come often and from many sides. So the checks run at most once per `cacheMs`, callers that come meanwhile
 * share the run, and a check that hangs is answered for after its time-out.
 */
import { type Clock, type Logger, resolveOptions, StoaError, silentLogger, systemClock } from '@stoa/kernel'
import { redactText } from './redaction.ts'

/** What a check answers. */
export interface CheckResult {
  readonly ok: boolean
  /** What survives what, in words: `process crash, not power loss`. */
  readonly durability?: string
  /** Public: anyone may read it. */
  readonly detail?: string
}

/** Looks whether something works. `signal` aborts when nobody waits any more. A rejection counts as not ok. */
export type Check = (signal: AbortSignal) => Promise<CheckResult>

/** One check's part of a {@link Readiness}. */
export interface CheckReport extends CheckResult {
  /** How long the check took, in milliseconds. */
  readonly latencyMs: number
}

/** Whether the program can serve. */
export interface Readiness {
  readonly ok: boolean
  /** Whether it is shutting down: no new work, please. */
  readonly draining: boolean
  readonly checks: Readonly<Record<string, CheckReport>>
}

/** Whether the process lives; if this is answered at all, it does. */
export interface Liveness {
  readonly ok: true
  /** Seconds since the health registry was made. */
  readonly uptimeSeconds: number
}

/** Options of {@link createHealth}. */
export interface HealthOptions {
  /** How long one check may take, in milliseconds; each check can have its own. 1–60 000; default 2000. */
  readonly timeoutMs?: number
  /** How long a result is handed out again, in milliseconds. 0 (not at all) – 1000; default 1000. */
  readonly cacheMs?: number
}

/** The checks of a program. */
export interface Health {
  /** @throws Error when the name is taken */
  add(name: string, check: Check, options?: { readonly timeoutMs?: number }): void
  live(): Liveness
  /** Runs all checks at once, or gives the result of at most `cacheMs` ago. Never rejects. */
  ready(): Promise<Readiness>
  /** From now on the program is not ready, at once: load balancers turn away while work in flight ends. */
  drain(): void
}

const spec = {
  timeoutMs: { type: 'integer', default: 2000, min: 1, max: 60_000 },
  cacheMs: { type: 'integer', default: 1000, min: 0, max: 1000 },
} as const

interface Entry {
  readonly check: Check
  readonly timeoutMs: number
}

/** A registry of checks. */
export function createHealth(
  input: HealthOptions = {},
  deps: { readonly log?: Logger; readonly clock?: Clock } = {},
): Health {
  const options = resolveOptions(spec, input, { name: 'createHealth' })
  const { log = silentLogger, clock = systemClock } = deps
  const entries = new Map<string, Entry>()
  const started = clock.now()
  let draining = false
  let running: Promise<Readiness> | null = null
  let last: { readonly at: number; readonly result: Readiness } | null = null

  async function runAll(): Promise<Readiness> {
    const reports = await Promise.all(
      [...entries].map(async ([name, entry]) => [name, await runOne(name, entry, { log, clock })] as const),
    )
    const result = {
      ok: reports.every(([, report]) => report.ok),
      draining: false,
      checks: Object.fromEntries(reports),
    }
    last = { at: clock.now(), result }
    running = null
    return result
  }

  return {
    add(name, check, { timeoutMs = options.timeoutMs } = {}) {
      if (entries.has(name)) throw new Error(`there is a check '${name}' already`)
      entries.set(name, { check, timeoutMs })
      last = null
    },
    live: () => ({ ok: true, uptimeSeconds: Math.max(0, Math.floor((clock.now() - started) / 1000)) }),
    async ready() {
      const fresh = last !== null && Math.abs(clock.now() - last.at) < options.cacheMs
      if (!fresh) running ??= runAll()
      const result = fresh && last ? last.result : await (running ?? runAll())
      return draining ? { ...result, ok: false, draining } : result
    },
    drain() {
      draining = true
    },
  }
}

async function runOne(name: string, entry: Entry, deps: { log: Logger; clock: Clock }): Promise<CheckReport> {
  const started = performance.now()
  const stop = new AbortController()
  const timeout = deps.clock.sleep(entry.timeoutMs, stop.signal).then(
    () => ({ ok: false, detail: `no answer within ${entry.timeoutMs} ms` }),
    () => ({ ok: false }),
  )
  let result: CheckResult
  try {
    const answer = (async () => entry.check(stop.signal))()
    // An answer that nobody waits for any more may still fail.
    answer.catch(() => {})
    result = await Promise.race([answer, timeout])
  } catch (err) {
    deps.log.warn({ err, check: name }, 'a health check failed')
    result = { ok: false, detail: err instanceof StoaError ? err.message : 'failed; the log says why' }
  } finally {
    stop.abort()
  }
  const latencyMs = Math.round((performance.now() - started) * 10) / 10
  return {
    ok: result.ok === true,
    ...(result.durability !== undefined && { durability: result.durability }),
    ...(result.detail !== undefined && { detail: redactText(result.detail) }),
    latencyMs,
  }
}
