/** Why nothing was fetched. */
export type OutboundFault =
  /** Not http or https, with a name or a password in it, or not an address at all. */
  | 'url'
  /** It leads to an address that is not part of the public internet. */
  | 'private'
  /** The name has no address. */
  | 'name'
  /** Nobody answers there, or not in HTTP. */
  | 'unreachable'
  /** The certificate is not trusted. */
  | 'certificate'
  | 'timeout'
  /** More redirects than are followed. */
  | 'redirects'

/** A request that came to nothing. */
export class OutboundError extends Error {
  readonly fault: OutboundFault
  /** The address that it was about: the last one of a chain of redirects. */
  readonly url: string

  constructor(fault: OutboundFault, url: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'OutboundError'
    this.fault = fault
    this.url = url
  }
}
