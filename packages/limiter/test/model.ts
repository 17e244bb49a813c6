import type { Layer, Limit } from '@stoa/limiter'

/**
 * One bucket in whole thousandths of a token, without any rounding: every store must agree with it. Rates are whole
 * numbers per second.
 */
export class ModelBucket {
  #thousandths: number
  #atMs: number
  #limit: Limit

  constructor(limit: Limit, nowMs: number) {
    this.#limit = limit
    this.#thousandths = limit.capacity * 1000
    this.#atMs = nowMs
  }

  take(cost: number, nowMs: number): { allowed: boolean; remaining: number } {
    const allowed = this.canPay(cost, nowMs)
    if (allowed) this.#thousandths -= cost * 1000
    return { allowed, remaining: this.remaining }
  }

  canPay(cost: number, nowMs: number): boolean {
    this.see(nowMs)
    return this.#thousandths >= cost * 1000
  }

  see(nowMs: number): void {
    const { capacity, refillPerSecond } = this.#limit
    const elapsed = Math.max(0, nowMs - this.#atMs)
    this.#thousandths = Math.min(capacity * 1000, this.#thousandths + elapsed * refillPerSecond)
    this.#atMs = Math.max(this.#atMs, nowMs)
  }

  change(limit: Limit, nowMs: number): void {
    this.see(nowMs)
    this.#limit = limit
    this.#thousandths = Math.min(limit.capacity * 1000, this.#thousandths)
  }

  settle(cost: number, nowMs: number): void {
    this.see(nowMs)
    this.#thousandths = Math.min(this.#limit.capacity * 1000, this.#thousandths - cost * 1000)
  }

  get remaining(): number {
    return Math.max(0, Math.floor(this.#thousandths / 1000))
  }
}

/** A store of exact buckets. */
export class ModelStore {
  readonly #buckets = new Map<string, ModelBucket>()

  take(layers: readonly Layer[], nowMs: number): { allowed: boolean; layers: object[] } {
    const buckets = layers.map((layer) => this.#bucket(layer, nowMs))
    const passes = buckets.map((bucket, index) => bucket.canPay(layers[index]?.cost ?? 1, nowMs))
    const allowed = passes.every((pass, index) => pass || layers[index]?.shadow === true)
    const answers = buckets.map((bucket, index) => {
      const { cost = 1, upTo } = layers[index] as Layer
      const spends = allowed && passes[index] === true
      const extra = spends && upTo !== undefined ? Math.max(0, Math.min(upTo, bucket.remaining) - cost) : 0
      if (spends) bucket.take(cost + extra, nowMs)
      return { allowed: passes[index], remaining: bucket.remaining, ...(upTo !== undefined && { extra }) }
    })
    return { allowed, layers: answers }
  }

  settle(layers: readonly Layer[], nowMs: number): { allowed: boolean; layers: object[] } {
    const answers = layers.map((layer) => {
      const bucket = this.#bucket(layer, nowMs)
      bucket.settle(layer.cost ?? 1, nowMs)
      return { allowed: true, remaining: bucket.remaining }
    })
    return { allowed: true, layers: answers }
  }

  #bucket(layer: Layer, nowMs: number): ModelBucket {
    let bucket = this.#buckets.get(layer.key)
    if (bucket === undefined) {
      bucket = new ModelBucket(layer, nowMs)
      this.#buckets.set(layer.key, bucket)
    } else bucket.change(layer, nowMs)
    return bucket
  }
}
