/*
 * What every store does, wherever its buckets are: it takes from several buckets at once, all or nothing, and moves
 * tokens afterwards without asking.
 */
import { checkLimit, checkSettlement, checkTake, type Decision, type Limit } from './bucket.ts'

/** One of several limits that a call must pass. */
export interface Layer extends Limit {
  /** Who is limited: `203.0.113.7`. */
  readonly key: string
  /** By what: `login`. Policy and key together name the bucket, and each layer has its own. Default: none. */
  readonly policy?: string
  /** Tokens, 0 or more; 0 only looks, and is refused in debt alone. Default 1. */
  readonly cost?: number
  /**
   * Takes whole tokens beyond the cost, to this many in all, as far as there are some: a lease. Default: the cost
   * alone.
   */
  readonly upTo?: number
  /** Never stops the call: it takes when it can pay and the call passes. Default false. */
  readonly shadow?: boolean
}

/** The answer to a take of several layers. */
export interface LayersDecision {
  readonly allowed: boolean
  /** The layers' answers in their order. `allowed` says whether the layer by itself would have let the call pass. */
  readonly layers: readonly Decision[]
  /**
   * The place of the layer that decides: when refused, the one to wait for longest; when allowed, the one with the
   * smallest share left. A shadow layer decides only when there is no other.
   */
  readonly strictest: number
}

/** Buckets somewhere. All stores answer alike: one property test runs against each. */
export interface Store {
  /**
   * Takes from all layers, or from none.
   *
   * @throws RangeError (or rejects) when limits, costs or the number of layers make no sense; anything else means that
   * the store failed
   */
  take(layers: readonly Layer[]): LayersDecision | Promise<LayersDecision>
  /**
   * Moves tokens without asking. A cost above 0 charges, and may leave a debt; one below 0 refunds, up to the capacity.
   * Nothing refuses.
   */
  settle(layers: readonly Layer[]): LayersDecision | Promise<LayersDecision>
}

/** The most layers that one take can have. */
export const MAX_LAYERS = 16

/** @throws RangeError when the layers of a take or a settlement make no sense */
export function checkLayers(layers: readonly Layer[], nowMs: number, settles: boolean): void {
  if (layers.length === 0 || layers.length > MAX_LAYERS) {
    throw new RangeError(`a take has 1 to ${MAX_LAYERS} layers (got ${layers.length})`)
  }
  for (let index = 0; index < layers.length; index++) {
    const layer = layers[index] as Layer
    for (let other = 0; other < index; other++) {
      const { key, policy } = layers[other] as Layer
      if (key === layer.key && policy === layer.policy) throw new RangeError('two layers must not share policy and key')
    }
    if (typeof layer.key !== 'string') throw new RangeError('the key of a layer must be a string')
    if (settles) checkSettlement(layer.cost ?? 1, nowMs)
    else checkTake(layer.cost ?? 1, nowMs)
    if (Number.isNaN(layer.upTo)) throw new RangeError('upTo must be a number')
    checkLimit(layer)
  }
}

/** The whole name of a bucket. */
export function bucketName({ policy, key }: Pick<Layer, 'policy' | 'key'>): string {
  return policy === undefined ? key : `${policy} ${key}`
}

/** Puts the layers' answers together. */
export function layersDecision(
  layers: readonly Layer[],
  decisions: readonly Decision[],
  allowed: boolean,
): LayersDecision {
  let strictest = 0
  let most = Number.NEGATIVE_INFINITY
  for (let index = 0; index < decisions.length; index++) {
    const decision = decisions[index] as Decision
    const shadow = layers[index]?.shadow === true
    // A share is from −1 to 0 and a wait at least 0, so a shadow comes after all others.
    const weight = allowed
      ? -decision.remaining / decision.limit - (shadow ? 2 : 0)
      : shadow
        ? -1
        : decision.retryAfterMs
    if (weight > most) {
      strictest = index
      most = weight
    }
  }
  return { allowed, layers: decisions, strictest }
}

/** A decision to be written. */
export function blankDecision(): Decision {
  return { allowed: false, remaining: 0, limit: 0, resetAfterMs: 0, retryAfterMs: 0 }
}
