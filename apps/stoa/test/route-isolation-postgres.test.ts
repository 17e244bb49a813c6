import { isolationStory } from './route-isolation-story.ts'

isolationStory('postgres', 'pooled')
