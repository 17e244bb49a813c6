/* What the script of redis-script.ts gives, for those who wait for it. */
import { type Bucket, type Decision, decide, pays, spend } from './bucket.ts'
import { blankDecision, type Layer, type LayersDecision, layersDecision } from './layers.ts'

/** A take that waits for its answer. */
export interface Asked {
  readonly layers: readonly Layer[]
  readonly resolve: (decision: LayersDecision) => void
}

/** Takes that are one in the call: one of any layers, or several of one bucket at cost 1. */
export type Together = readonly [Asked, ...Asked[]]

/** Whole numbers in the answer for each layer. */
const LAYER_FIELDS = 3
/** Numbers in the text for several takes of one bucket. */
const BUCKET_FIELDS = 4

/**
 * Answers all takes of a call.
 *
 * @param waiting in the order of the call
 * @throws Error when it is not the script's answer; then some may have none
 */
export function deliver(waiting: readonly Together[], given: unknown): void {
  let fields = 0
  for (const together of waiting) fields += together.length > 1 ? 1 : together[0].layers.length * LAYER_FIELDS
  if (!Array.isArray(given) || given.length !== fields) throw unexpected()
  let at = 0
  for (const together of waiting) {
    if (together.length > 1) replay(together, given[at++])
    else {
      const { layers, resolve } = together[0]
      resolve(decisionsAt(given, at, layers))
      at += layers.length * LAYER_FIELDS
    }
  }
}

/** Works out what several takes of one bucket gave from how it stood before them, as the script did. */
function replay(together: Together, stood: unknown): void {
  const { capacity, refillPerSecond } = together[0].layers[0] as Layer
  const numbers = typeof stood === 'string' ? stood.split(' ').map(Number) : []
  if (numbers.length !== BUCKET_FIELDS || numbers.some(Number.isNaN)) throw unexpected()
  const [tokens, spentMs, seenMs, nowMs] = numbers as [number, number, number, number]
  const bucket: Bucket = { tokens, spentMs, seenMs, capacity, perMs: refillPerSecond / 1000 }
  for (const { resolve } of together) {
    const allowed = pays(bucket, 1)
    if (allowed) spend(bucket, 1)
    const decision = decide(bucket, allowed, 1, nowMs, blankDecision())
    resolve({ allowed, layers: [decision], strictest: 0 })
  }
}

function decisionsAt(numbers: readonly number[], at: number, layers: readonly Layer[]): LayersDecision {
  let allowed = true
  const decisions = layers.map((layer, index) => {
    const decision = decisionAt(numbers, at + index * LAYER_FIELDS, layer)
    if (!decision.allowed && !layer.shadow) allowed = false
    return decision
  })
  return layersDecision(layers, decisions, allowed)
}

function decisionAt(numbers: readonly number[], at: number, layer: Layer): Decision {
  const left = numbers[at] as number
  const last = numbers[at + 2] as number
  const allowed = left >= 0
  const decision: Decision = {
    allowed,
    remaining: allowed ? left : -1 - left,
    limit: layer.capacity,
    resetAfterMs: numbers[at + 1] as number,
    retryAfterMs: allowed ? 0 : last < 0 ? Number.POSITIVE_INFINITY : last,
  }
  if (layer.upTo !== undefined) decision.extra = allowed ? last : 0
  return decision
}

function unexpected(): Error {
  return new Error('Redis: the script gave another answer than expected')
}
