/*
 * The port to whoever carries mail. A message is whole by then: bytes and an envelope. So all engines send the same,
 * and an attempt that is made again sends what the first one sent.
 */
/** A message that is ready to leave. */
export interface OutgoingMail {
  /** Tells this message from others at this installation: letters, digits, `-`, `_`, `.`; 1–200 characters. */
  readonly id: string
  /** The address that bounces go to: ASCII, domain in Punycode. */
  readonly from: string
  /** Who gets it in this attempt, each once: ASCII, domains in Punycode. At least one. */
  readonly to: readonly string[]
  /** The message in MIME (RFC 5322), lines ended by CRLF. */
  readonly content: Buffer
}

/** One who did not get it. */
export interface Refusal {
  readonly address: string
  /** Whether trying again is of no use. */
  readonly permanent: boolean
  /** Whether there is no such address (RFC 3463: 5.1.1 and its like), so that nothing should be sent there again. */
  readonly addressUnknown: boolean
  /** What the other side said, on one line. */
  readonly response: string
  /** When the next attempt makes sense, in milliseconds from now; null when it was refused for good. */
  readonly retryAfterMs: number | null
}

/** What became of an attempt. Everybody of the envelope is in exactly one of the lists. */
export interface Delivery {
  /** What the provider calls the message; null when nobody got it. */
  readonly providerId: string | null
  readonly accepted: readonly string[]
  readonly rejected: readonly Refusal[]
}

/** How to send. */
export interface SendOptions {
  /** Gives the attempt up. What has left already has left. */
  readonly signal?: AbortSignal | undefined
}

/** Carries mail. Disposing it lets go of connections; what is under way is given up. */
export interface MailTransport extends AsyncDisposable {
  /** `folder`, `smtp` or `ses`. */
  readonly name: string
  /** Each `send` has ended by then, in milliseconds. */
  readonly timeoutMs: number
  /** The most receivers of one envelope. */
  readonly maxRecipients: number
  /** The largest message in bytes, as it goes out. */
  readonly maxBytes: number
  /** Header fields that the provider replaces, so that a signature over them would break: `message-id`, `date`. */
  readonly replacesHeaders: readonly string[]
  /**
   * Hands a message over: one attempt. A receiver who is refused while others are not is in `rejected`.
   *
   * @throws MailDeliveryError when nobody could be tried: its `fault` says why
   */
  send(mail: OutgoingMail, options?: SendOptions): Promise<Delivery>
  /**
   * Asks the provider whether it would take mail: connects, and shows the credentials. Nothing is sent.
   *
   * @throws MailDeliveryError
   */
  check(): Promise<void>
}
