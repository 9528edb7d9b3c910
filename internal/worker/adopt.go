package worker

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
)

// adopt gives an app that was made by pocketbase.New another database connection, and leaves all else as it was.
//
// PocketBase takes DBConnect only when an app is made, and pocketbase.New has no argument for it. So a second app is made that has it,
// takes over what the program has bound and set on the first, and then takes the first one's place: every pointer to the app, and what
// PocketBase's own hooks hold of it, stays good. It must be called before Bootstrap.
func adopt(app *pocketbase.PocketBase, connect core.DBConnectFunc) error {
	old, ok := app.App.(*core.BaseApp)
	if !ok {
		return fmt.Errorf("the app is a %T; it must be what pocketbase.New made", app.App)
	}
	fresh := core.NewBaseApp(core.BaseAppConfig{
		DBConnect:     connect,
		DataDir:       old.DataDir(),
		EncryptionEnv: old.EncryptionEnv(),
		IsDev:         old.IsDev(),
	})
	move(fresh.Cron(), old.Cron())
	move(fresh.Store(), old.Store())
	move(fresh.Settings(), old.Settings())
	move(fresh.SubscriptionsBroker(), old.SubscriptionsBroker())
	moveHooks(fresh, old)
	*old = *fresh
	return nil
}

// moveHooks has each hook of to run what is bound to the same hook of from, in its order.
func moveHooks(to, from *core.BaseApp) {
	toValue, fromValue := reflect.ValueOf(to), reflect.ValueOf(from)
	for i := range toValue.NumMethod() {
		method := toValue.Type().Method(i)
		if !isHookMethod(method) {
			continue
		}
		move(bareHook(toValue.Method(i)), bareHook(fromValue.Method(i)))
	}
}

// isHookMethod tells whether the method is one of the app's OnSomething() *hook.Hook or OnSomething(tags ...string) *hook.TaggedHook.
func isHookMethod(method reflect.Method) bool {
	return strings.HasPrefix(method.Name, "On") && method.Type.NumOut() == 1 &&
		(method.Type.NumIn() == 1 || method.Type.NumIn() == 2 && method.Type.IsVariadic())
}

// bareHook calls a hook method and returns its *hook.Hook; a tagged hook is a view on one.
func bareHook(method reflect.Value) any {
	hook := method.Call(nil)[0]
	if bare := hook.Elem().FieldByName("Hook"); bare.IsValid() {
		return bare.Interface()
	}
	return hook.Interface()
}

// move sets what to points at to what from points at.
func move(to, from any) {
	reflect.ValueOf(to).Elem().Set(reflect.ValueOf(from).Elem())
}
