import { type Answer, GivenAnswer, type LayerAnswer, type Settler } from './answer.ts'
import type { Decision } from './bucket.ts'
import type { MemoryStore } from './memory-store.ts'
import type { Ask } from './policy.ts'

/**
 * Answers a call while the store cannot be asked: refused when a policy is closed to it, else by the buckets of this
 * process for those that say so, all or nothing. What is open passes.
 */
export function answerWithoutStore(
  asks: readonly Ask[],
  local: MemoryStore,
  settler: Settler,
  retryAfterMs: number,
): Answer {
  const sourceOf = ({ policy }: Ask) => policy.settings.onStoreFailure
  if (asks.some((ask) => sourceOf(ask) === 'closed' && !ask.policy.settings.shadow)) {
    const layers = asks.map((ask): LayerAnswer => {
      const closed = sourceOf(ask) === 'closed'
      return { ...ask, decision: null, source: closed ? 'closed' : 'unasked' }
    })
    return new GivenAnswer(false, layers, settler, retryAfterMs)
  }
  const localAsks = asks.filter((ask) => sourceOf(ask) === 'local')
  const taken = localAsks.length === 0 ? null : local.take(localAsks.map(localLayer))
  const decisions = new Map<Ask, Decision | undefined>(localAsks.map((ask, index) => [ask, taken?.layers[index]]))
  const layers = asks.map((ask): LayerAnswer => {
    return { ...ask, decision: decisions.get(ask) ?? null, source: sourceOf(ask) }
  })
  return new GivenAnswer(taken?.allowed ?? true, layers, settler)
}

function localLayer({ policy, key, cost, limit }: Ask) {
  const { capacity, refillPerSecond } = limit
  return { policy: policy.name, key, capacity, refillPerSecond, cost, shadow: policy.settings.shadow }
}
