import { describeExamples } from '../src/examples.ts'

describeExamples(import.meta.url)
