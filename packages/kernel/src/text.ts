/**
 * The candidate nearest to `word`, or undefined when none is near enough to be what was meant. Near means: at most a
 * third of the longer word's letters differ (at least one edit is allowed), upper and lower case alike. The distance
 * counts insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
 */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = fold(word)
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const other = fold(candidate)
    const allowed = Math.max(1, Math.floor(Math.max(wanted.length, other.length) / 3))
    if (Math.abs(wanted.length - other.length) > allowed) continue
    const distance = editDistance(wanted, other)
    if (distance <= allowed && distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `, did you mean 'x'?` when there is a near candidate, else an empty string: for the end of an error message. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const near = closest(word, candidates)
  return near === undefined ? '' : `, did you mean '${near}'?`
}

/**
 * A whole number with a comma between thousands: `20,000`. By hand, because the first use of `Intl` in a process takes as
 * long as a hundred imports, and what has such a number in it is often a text that is made at the start.
 */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Words longer than this are cut: a suggestion for a 10 MB key must not cost anything. */
const MAX_LETTERS = 64

function fold(word: string): string {
  return word.slice(0, MAX_LETTERS).toLowerCase()
}

function editDistance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let cost = Math.min(
        (above[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (same ? 0 : 1),
      )
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, (before[column - 2] ?? 0) + 1)
      }
      current.push(cost)
    }
    before = above
    above = current
  }
  return above[b.length] ?? 0
}
