export { type AddressInput, domainOf, type Mailbox, writtenAddress } from './address.ts'
export type { AttachmentInput } from './attachments.ts'
export type { ComposeOptions } from './compose.ts'
export type { DeliverOptions } from './deliver.ts'
export { type DeliveryErrorOptions, type DeliveryFault, MailDeliveryError } from './delivery-error.ts'
export { mailErrors } from './errors.ts'
export type { FeedbackReport, MailFeedback } from './feedback.ts'
export { createFolderTransport, type FolderTransportOptions } from './folder-transport.ts'
export { Html, type HtmlValue, html, trustedHtml } from './html.ts'
export { createMail, type Mail, mailPermissions } from './mail.ts'
export type { MailChange, MailDeps, MailOptions } from './mail-deps.ts'
export type { MailInput, UnsubscribeInput } from './message.ts'
export type { MailState, RecipientState } from './message-store.ts'
export { mailMigrations } from './migrations/index.ts'
export type { MailFilter, MailMessage, MailPage, MailRecipient, MailSummary } from './outbox.ts'
export { textOf } from './plain-text.ts'
export {
  type DkimInput,
  dkimRecord,
  ownDkimKey,
  type Sender,
  type SenderDkim,
  type SenderInput,
  type SetSenderOptions,
} from './sender.ts'
export {
  createSesIntake,
  type SesIntake,
  type SesIntakeDeps,
  type SesIntakeOptions,
  type SesIntakeReport,
} from './ses-intake.ts'
export type { SesCredentials, SesTransportOptions } from './ses-options.ts'
export { createSesTransport } from './ses-transport.ts'
export { type SmtpTransportOptions, smtpOptionsOf } from './smtp-options.ts'
export { createSmtpTransport } from './smtp-transport.ts'
export type { Suppression, SuppressionReason } from './suppression-store.ts'
export type { SuppressionInput, SuppressionPage } from './suppressions.ts'
export { type MailWords, mailTemplate, type TemplateParts } from './template.ts'
export type { Delivery, MailTransport, OutgoingMail, Refusal, SendOptions } from './transport.ts'
export { type TransportUrlOptions, transportOf } from './transport-url.ts'
