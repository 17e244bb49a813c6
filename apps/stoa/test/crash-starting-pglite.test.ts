import { test } from 'node:test'
import { crashStory } from './crash-story.ts'

// Ten of the twenty kills; crash-serving-pglite.test.ts has the others. A killed start has something to mend: what the
// kill before left.
const [S, L] = ['starting', 'serving'] as const
const kills = [L, S, S, L, S, S, L, S, S, S]

test('killed at any moment of a start, Stoa on PGlite keeps every acknowledged write, once, and the journal has no gap', () =>
  crashStory('pglite', kills))
