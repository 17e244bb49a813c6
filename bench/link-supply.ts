// The links of the redirect benchmark, and in what order they are visited.

/** Seven letters and digits, other ones for each number below 62⁷; neighbours do not look alike. */
export function codeOf(number: number): string {
  let rest = (BigInt(number) * 1_580_030_168_719n + 7n) % 3_521_614_606_208n
  let code = ''
  for (let digit = 0; digit < 7; digit++) {
    code = (DIGITS[Number(rest % 62n)] as string) + code
    rest /= 62n
  }
  return code
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Where a link leads. */
export const targetOf = (number: number): string =>
  `https://shop.example.org/campaigns/2026/spring/${number}?utm_source=newsletter`

/** What a browser sends, and now and then the page that it comes from. */
export function visitTo(number: number): Buffer {
  const referrer = number % 3 === 0 ? 'Referer: https://news.example.net/\r\n' : ''
  return Buffer.from(
    `GET /l/${codeOf(number)} HTTP/1.1\r\nHost: s.example.org\r\nUser-Agent: ${AGENTS[number % AGENTS.length]}\r\n` +
      `Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-GB,en;q=0.5\r\n` +
      `Accept-Encoding: gzip, deflate, br, zstd\r\n${referrer}\r\n`,
  )
}

const AGENTS = [
  'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36',
]

/** A long sequence in which link `n` comes as often as 1/(n+1) to the others: Zipf's law with the exponent 1. */
export function zipf(links: number, length: number, seed = 1): Uint32Array {
  const sums = new Float64Array(links)
  for (let rank = 0, sum = 0; rank < links; rank++) {
    sum += 1 / (rank + 1)
    sums[rank] = sum
  }
  const total = sums[links - 1] as number
  const random = uniform(seed)
  return Uint32Array.from({ length }, () => rankAt(sums, random() * total))
}

/** The first rank whose sum is above. */
function rankAt(sums: Float64Array, at: number): number {
  let [low, high] = [0, sums.length - 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sums[middle] as number) <= at) low = middle + 1
    else high = middle
  }
  return low
}

/** The same numbers in each run (mulberry32). */
function uniform(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
