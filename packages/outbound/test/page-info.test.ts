import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pageInfo } from '../src/index.ts'

const url = 'https://example.com/a/b'

describe('what a page says of itself', () => {
  it('is what is meant for previews, else its title and description', () => {
    const html = `<!doctype html><head><title>Plain &amp; simple</title>
      <meta name="description" content='It&#39;s'><meta content="Card" property="og:title"><meta property="og:image" content="/i.png">`
    assert.deepEqual(pageInfo(html, url), {
      title: 'Card',
      description: "It's",
      image: 'https://example.com/i.png',
    })
    assert.equal(pageInfo('<title>\n Only \u0000 this </title>', url).title, 'Only this')
    assert.deepEqual(pageInfo('', url), { title: null, description: null, image: null })
  })

  it('is no markup, no script, and no address of another kind', () => {
    const html = `<script><title>no</title></script><!-- <title>no</title> -->
      <meta property="og:title" content="&lt;b&gt;"><meta property="og:image" content="javascript:alert(1)">`
    assert.deepEqual(pageInfo(html, url), { title: '<b>', description: null, image: null })
  })

  it('is bounded, and found in no more than moments of what is made to be slow', () => {
    assert.equal(pageInfo(`<title>${'x'.repeat(5_000)}`, url).title?.length, 200)
    for (const evil of [
      '<meta '.repeat(50_000),
      '<title'.repeat(40_000),
      '<!--'.repeat(60_000),
      '<script>'.repeat(30_000),
    ]) {
      assert.equal(pageInfo(evil, url).image, null)
    }
  })
})
