/*
 * Makes a short link, follows it as a browser does, and waits until the click is counted.
 *
 *   STOA_URL=http://127.0.0.1:3000 STOA_KEY=stoa_… node examples/short-link.ts
 */
import type { Link, LinkClicks } from '@stoa/links/contract'

const { STOA_URL: url = 'http://127.0.0.1:3000', STOA_KEY: key = '' } = process.env
const authorization = `Bearer ${key}`

const created = await fetch(`${url}/api/v1/links`, {
  method: 'POST',
  headers: { authorization, 'content-type': 'application/json' },
  body: JSON.stringify({ target: 'https://example.com/spring', title: 'Spring sale', tags: ['spring'] }),
})
if (created.status !== 201) throw new Error(await created.text())
const link = (await created.json()) as Link
console.log(`${link.code.length} characters lead to ${link.target}`)

const visit = await fetch(link.shortUrl, {
  redirect: 'manual',
  headers: { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0' },
})
console.log(`${visit.status} ${visit.headers.get('location')}`)

// Clicks are written together, ten times a second; this asks until the one just made has arrived.
let clicks = 0
while (clicks === 0) {
  const report = await fetch(`${url}/api/v1/links/${link.id}/clicks`, { headers: { authorization } })
  const { total } = (await report.json()) as LinkClicks
  clicks = total.clicks
}
console.log(`${clicks} click`)
