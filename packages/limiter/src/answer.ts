import type { Decision, Limit } from './bucket.ts'
import type { Ask } from './policy.ts'

/** How a policy is asked. */
export interface TakeOptions {
  /** Tokens, 0 or more; 0 only looks, and is refused in debt alone. Default 1. */
  readonly cost?: number
  /** Whose limit it is, by name; an unknown one has the policy's own. */
  readonly plan?: string
  /** Another limit than the policy's and its plans'. */
  readonly limit?: Limit
}

/**
 * Where an answer comes from: the store; a lease of this node; a remembered refusal; the store's failure, by what the
 * policy says for it. `unasked`: another layer refused without a call.
 */
export type AnswerSource = 'store' | 'lease' | 'remembered' | 'open' | 'closed' | 'local' | 'unasked'

/** What one policy says to a call. */
export interface LayerAnswer extends Ask {
  /**
   * How its bucket stands, and whether it would let the call pass by itself. Null when nobody knows (`open`, `closed`,
   * `unasked`).
   */
  readonly decision: Decision | null
  readonly source: AnswerSource
}

/** What a limiter says to a call. */
export interface Answer {
  readonly allowed: boolean
  /**
   * Milliseconds until the same call would pass, rounded up; 0 when it does, Infinity when its cost is above a
   * capacity.
   */
  readonly retryAfterMs: number
  /**
   * The layer that decides: when refused, the one to wait for longest; when allowed, the one with the smallest share
   * left.
   */
  readonly strictest: LayerAnswer
  /** What each layer says, in their order. */
  readonly layers: readonly LayerAnswer[]
  /** Gives back what the call took. False when the store could not be asked, or there is nothing to give back. */
  refund(): Promise<boolean>
  /**
   * Takes more from each layer, without asking. False when the store could not be asked, or the call was refused.
   * @throws RangeError for a negative number
   */
  charge(tokens: number): Promise<boolean>
}

/** Settles with the store what became of a call. */
export interface Settler {
  settle(ask: Ask, tokens: number): Promise<boolean>
  /** With the bucket of this process that stood in for the store. */
  settleHere(ask: Ask, tokens: number): boolean
}

/** An answer on the buckets of one or several policies. */
export class GivenAnswer implements Answer {
  readonly allowed: boolean
  readonly retryAfterMs: number
  /** One layer needs no list, and most calls have one. */
  readonly #given: LayerAnswer | readonly LayerAnswer[]
  readonly #settler: Settler

  constructor(
    allowed: boolean,
    given: LayerAnswer | readonly LayerAnswer[],
    settler: Settler,
    retryAfterMs: number | null = null,
  ) {
    this.allowed = allowed
    this.#given = given
    this.#settler = settler
    this.retryAfterMs = allowed ? 0 : (retryAfterMs ?? this.strictest.decision?.retryAfterMs ?? 0)
  }

  /** The layer, when there is one; null when there are several. */
  get only(): LayerAnswer | null {
    return 'length' in this.#given ? null : this.#given
  }

  get layers(): readonly LayerAnswer[] {
    return 'length' in this.#given ? this.#given : [this.#given]
  }

  get strictest(): LayerAnswer {
    return 'length' in this.#given ? strictestOf(this.allowed, this.#given) : this.#given
  }

  refund(): Promise<boolean> {
    return this.#settle((layer) => -layer.cost)
  }

  charge(tokens: number): Promise<boolean> {
    if (!(tokens >= 0)) throw new RangeError(`tokens must be 0 or more (got ${tokens})`)
    return this.#settle(() => tokens)
  }

  async #settle(tokens: (layer: LayerAnswer) => number): Promise<boolean> {
    if (!this.allowed) return false
    const took = this.layers.filter(({ decision, source }) => decision?.allowed === true && source !== 'remembered')
    if (took.length === 0) return false
    const settled = await Promise.all(
      took.map((layer) => {
        const settle = layer.source === 'local' ? 'settleHere' : 'settle'
        return this.#settler[settle](layer, tokens(layer))
      }),
    )
    return settled.every(Boolean)
  }
}

/** A shadow decides only when there is no other. */
function strictestOf(allowed: boolean, layers: readonly LayerAnswer[]): LayerAnswer {
  let strictest = layers[0] as LayerAnswer
  let most = Number.NEGATIVE_INFINITY
  for (const layer of layers) {
    const weight = weightOf(allowed, layer)
    if (weight > most) {
      strictest = layer
      most = weight
    }
  }
  return strictest
}

function weightOf(allowed: boolean, { decision, policy, source }: LayerAnswer): number {
  const shadow = policy.settings.shadow
  if (decision === null) return source === 'closed' ? 0 : -3
  if (allowed) return -decision.remaining / decision.limit - (shadow ? 2 : 0)
  return shadow ? -1 : decision.retryAfterMs
}
