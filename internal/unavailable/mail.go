package unavailable

import (
	"errors"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/mailer"
)

var errMail = errors.New("no mail provider is configured: a Worker has neither sendmail nor SMTP yet; " +
	"send the message in an OnMailerSend handler, or give it a Mailer of your own")

// bindMail fails what would be sent by SMTP or sendmail. A handler of the app's that sends the message itself, or that sets another
// Mailer, is left alone. PocketBase logs the error or answers with it, as for any mail that cannot be sent.
func bindMail(app core.App) {
	app.OnMailerSend().Bind(&hook.Handler[*core.MailerEvent]{
		Id:       hookID + "Mail",
		Priority: afterApp,
		Func: func(e *core.MailerEvent) error {
			switch e.Mailer.(type) {
			case *mailer.SMTPClient, *mailer.Sendmail:
				return errMail
			default:
				return e.Next()
			}
		},
	})
}
