import { test } from 'node:test'
import { crashStory } from './crash-story.ts'

// Ten of the twenty kills; crash-starting-pglite.test.ts has the others.
const kills = Array.from({ length: 10 }, () => 'serving' as const)

test('killed at any moment under load, Stoa on PGlite keeps every acknowledged write, once, and the journal has no gap', () =>
  crashStory('pglite', kills))
