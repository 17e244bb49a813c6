import type { Principal } from '@stoa/http'
import { asStoaError, errors, type Logger, requirePermission, StoaError } from '@stoa/kernel'
import type { Limiter, Policy } from '@stoa/limiter'
import { retryAfterSeconds } from '@stoa/limiter'
import { Compile, type Validator } from 'typebox/schema'
import type { Channel, ChannelKind } from './channel.ts'
import { realtimeErrors } from './errors.ts'
import type { Gate } from './gate.ts'

/** Without a limit of its own, what a caller may send into the channels of a kind. */
const STANDARD = { capacity: 20, refillPerSecond: 5 }

interface Inlet {
  readonly policy: Policy
  readonly validator: Validator
}

/** Messages of clients, on their way to the modules that take them. */
export class Messages {
  readonly #gate: Gate
  readonly #log: Logger
  readonly #inlets = new Map<ChannelKind, Inlet>()

  constructor(
    kinds: readonly ChannelKind[],
    { gate, limiter, log }: { readonly gate: Gate; readonly limiter: Limiter; readonly log: Logger },
  ) {
    this.#gate = gate
    this.#log = log
    for (const kind of kinds) {
      if (kind.messages === undefined) continue
      const policy = limiter.policy(`channel:${kind.pattern}`, kind.messages.rateLimit ?? STANDARD)
      this.#inlets.set(kind, { policy, validator: Compile(kind.messages.schema) as never })
    }
  }

  /**
   * Has a module carry a message out. @throws StoaError `channel_silent`, `forbidden`, `rate_limited`,
   * `validation_failed`, or what the module throws
   */
  async take(principal: Principal, { kind, name, params }: Channel, data: unknown): Promise<void> {
    const inlet = this.#inlets.get(kind)
    if (kind.messages === undefined || inlet === undefined) throw new StoaError(realtimeErrors.channel_silent)
    const ctx = this.#gate.ctxOf(principal)
    requirePermission(ctx, kind.messages.permission)
    const answer = await inlet.policy.take(principal.limitKey)
    if (!answer.allowed) {
      throw new StoaError(errors.rate_limited, { retryAfterSeconds: retryAfterSeconds(answer) ?? 1 })
    }
    if (!inlet.validator.Check(data)) {
      const [, faults] = inlet.validator.Errors(data)
      const fields = faults
        .slice(0, 20)
        .map(({ instancePath, message }) => ({ pointer: `/data${instancePath}`, code: 'invalid', message }))
      throw new StoaError(errors.validation_failed, { fields })
    }
    await kind.messages.handle(ctx, { channel: name, params, data })
  }

  /** Logs what the client is not told. */
  note(thrown: unknown): void {
    const { cause, code, context, kind } = asStoaError(thrown)
    if (kind === 'internal')
      this.#log.error({ err: cause ?? thrown, code, context }, 'a message could not be carried out')
  }
}
