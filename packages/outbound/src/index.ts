export { createFetcher, type Fetched, type Fetcher, type FetcherOptions, type FetchRequest } from './fetcher.ts'
export { OutboundError, type OutboundFault } from './outbound-error.ts'
export { type PageInfo, pageInfo } from './page-info.ts'
export { isPublicAddress } from './public-address.ts'
