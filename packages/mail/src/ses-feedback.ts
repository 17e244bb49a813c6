// What SES tells in a notification: of an identity (`notificationType`), or of a configuration set (`eventType`).

import type { MailFeedback } from './feedback.ts'

/** The feedback in a notification; null for deliveries, tests, delays, and what is no notification of SES. */
export function sesFeedback(message: string): MailFeedback | null {
  const notification = record(parsed(message))
  const mail = record(notification.mail)
  const providerId = mail.messageId
  if (typeof providerId !== 'string') return null
  const [mailId] = list(record(mail.tags)['stoa-message'])
  const named = { providerId, ...(typeof mailId === 'string' && { mailId }) }
  switch (notification.notificationType ?? notification.eventType) {
    case 'Bounce':
      return { ...named, ...bounce(record(notification.bounce)) }
    case 'Complaint':
      return complaint(record(notification.complaint), named)
    default:
      return null
  }
}

function bounce({ bounceType, bounceSubType, bouncedRecipients }: Fields) {
  const recipients = list(bouncedRecipients).map((item) => {
    const { emailAddress, diagnosticCode, status } = record(item)
    const said = [diagnosticCode, status, `${bounceType} ${bounceSubType}`].find((text) => typeof text === 'string')
    return { address: String(emailAddress), response: String(said) }
  })
  return { kind: 'bounce', permanent: bounceType === 'Permanent', recipients } as const
}

function complaint(
  { complaintFeedbackType: type, complainedRecipients }: Fields,
  named: Pick<MailFeedback, 'providerId'>,
) {
  // Somebody has taken it out of the folder for spam: the opposite of a complaint.
  if (type === 'not-spam') return null
  const response = typeof type === 'string' ? `complaint: ${type}` : 'complaint'
  const recipients = list(complainedRecipients).map((item) => ({
    address: String(record(item).emailAddress),
    response,
  }))
  return { ...named, kind: 'complaint', permanent: true, recipients } as const
}

type Fields = Readonly<Record<string, unknown>>

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const record = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {})
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
