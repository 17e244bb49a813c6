import { isolationStory } from './route-isolation-story.ts'

isolationStory('pglite', 'pooled')
