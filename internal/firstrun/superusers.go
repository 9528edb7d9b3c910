package firstrun

import (
	"errors"
	"fmt"

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

// hasAdminVariables reports whether any of the two is set.
func hasAdminVariables(env func(string) string) bool {
	return env(envAdminEmail) != "" || env(envAdminPassword) != ""
}

// ensureAdmin creates the superuser that the variables describe, unless there is a superuser. Errors name the variable at fault.
func ensureAdmin(app core.App, env func(string) string) error {
	exists, err := hasSuperuser(app)
	if err != nil || exists {
		return err
	}
	email, password := env(envAdminEmail), env(envAdminPassword)
	if email == "" || password == "" {
		return fmt.Errorf("set both %s and %s, or neither", envAdminEmail, envAdminPassword)
	}
	if email == core.DefaultInstallerEmail {
		return fmt.Errorf("%s: %s is reserved for PocketBase's installer", envAdminEmail, email)
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
	named := make([]error, 0, 2)
	if fieldErr := fields[core.FieldNameEmail]; fieldErr != nil {
		named = append(named, fmt.Errorf("%s is invalid: %w", envAdminEmail, fieldErr))
	}
	if fieldErr := fields[core.FieldNamePassword]; fieldErr != nil {
		named = append(named, fmt.Errorf("%s is invalid: %w", envAdminPassword, fieldErr))
	}
	if len(named) == 0 {
		return err
	}
	return errors.Join(named...)
}
