import { describeExamples } from '@stoa/testkit/examples'

describeExamples(import.meta.url)
