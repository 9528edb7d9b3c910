package firstrun

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
)

// hasSuperuser reports whether someone can log in as superuser. The installer's account, which nobody knows the password of, does
// not count, as in PocketBase.
func hasSuperuser(app core.App) (bool, error) {
	total, err := app.CountRecords(core.CollectionNameSuperusers, dbx.Not(dbx.HashExp{"email": core.DefaultInstallerEmail}))
	return total > 0, err
}

// variableError tells what is wrong with a variable, and names it. It shows no secret.
type variableError string

func (e variableError) Error() string { return string(e) }

// hasAdminVariables reports whether any of the two is set.
func hasAdminVariables(env func(string) string) bool {
	return env(envAdminEmail) != "" || env(envAdminPassword) != ""
}

// ensureAdmin creates the superuser that the variables describe, unless there is a superuser. Values that are at fault
// are a variableError.
func ensureAdmin(app core.App, env func(string) string) error {
	exists, err := hasSuperuser(app)
	if err != nil || exists {
		return err
	}
	email, password := env(envAdminEmail), env(envAdminPassword)
	if email == "" || password == "" {
		return variableError("set both " + envAdminEmail + " and " + envAdminPassword + ", or neither")
	}
	if email == core.DefaultInstallerEmail {
		return variableError(envAdminEmail + ": " + email + " is reserved for PocketBase's installer")
	}
	_, err = findOrCreate(app, email, func(record *core.Record) { record.SetPassword(password) })
	return nameVariable(err)
}

// findOrCreateInstaller returns the account whose token opens the first-superuser page, as PocketBase's own installer does.
func findOrCreateInstaller(app core.App) (*core.Record, error) {
	return findOrCreate(app, core.DefaultInstallerEmail, func(record *core.Record) { record.SetRandomPassword() })
}

// findOrCreate finds the superuser or creates it. Any number of requests and isolates may do so at once: whoever loses the race
// finds what the winner has created.
func findOrCreate(app core.App, email string, setPassword func(*core.Record)) (*core.Record, error) {
	collection, err := app.FindCachedCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return nil, err
	}
	if record, err := app.FindAuthRecordByEmail(collection, email); err == nil {
		return record, nil
	}
	record := core.NewRecord(collection)
	record.SetEmail(email)
	setPassword(record)
	saveErr := app.Save(record)
	if saveErr == nil {
		return record, nil
	}
	if record, err := app.FindAuthRecordByEmail(collection, email); err == nil {
		return record, nil
	}
	return nil, saveErr
}

// nameVariable says which variable a validation error is about.
func nameVariable(err error) error {
	var fields validation.Errors
	if !errors.As(err, &fields) {
		return err
	}
	var named []string
	if fieldErr := fields[core.FieldNameEmail]; fieldErr != nil {
		named = append(named, fmt.Sprintf("%s is invalid: %v", envAdminEmail, fieldErr))
	}
	if fieldErr := fields[core.FieldNamePassword]; fieldErr != nil {
		named = append(named, fmt.Sprintf("%s is invalid: %v", envAdminPassword, fieldErr))
	}
	if len(named) == 0 {
		return err
	}
	return variableError(strings.Join(named, "; "))
}
