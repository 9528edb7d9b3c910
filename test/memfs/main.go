// Command memfs uses the os package as PocketBase does: memfs.test.mjs runs it on the in-memory file system.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	failed := false
	for _, check := range []struct {
		name string
		run  func(dir string) error
	}{
		{"temporary files", temporaryFiles},
		{"write, read, rename", writeReadRename},
		{"seek and append", seekAndAppend},
		{"large file", largeFile},
		{"directories", directories},
		{"errors", errorValues},
		{"stat", statValues},
		{"working directory", workingDirectory},
		{"root", rootedFiles},
	} {
		if err := inTempDir(check.run); err != nil {
			failed = true
			fmt.Printf("FAIL %s: %v\n", check.name, err)
		} else {
			fmt.Printf("ok %s\n", check.name)
		}
	}
	fmt.Fprintln(os.Stderr, "to stderr: "+strings.Repeat("é", 10_000))
	fmt.Print("an unfinished line")
	if failed {
		os.Exit(1)
	}
}

func inTempDir(run func(dir string) error) error {
	dir, err := os.MkdirTemp("", "memfs-*")
	if err != nil {
		return err
	}
	if err := run(dir); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the directory is still there: %v", err)
	}
	return nil
}

func expect(what string, got, want any) error {
	if got != want {
		return fmt.Errorf("%s: got %v, want %v", what, got, want)
	}
	return nil
}

func temporaryFiles(string) error {
	f, err := os.CreateTemp("", "upload-*.txt")
	if err != nil {
		return err
	}
	if _, err := f.WriteString("kept until closed"); err != nil {
		return err
	}
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	return errors.Join(expect("content", string(data), "kept until closed"), f.Close())
}

func writeReadRename(dir string) error {
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	if err := os.WriteFile(from, []byte("one"), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(to, []byte("two two"), 0o600); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	data, err := os.ReadFile(to)
	return errors.Join(err, expect("content", string(data), "one"))
}

func seekAndAppend(dir string) error {
	name := filepath.Join(dir, "file")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, step := range []struct {
		offset int64
		text   string
	}{{0, "0123456789"}, {4, "four"}, {12, "past"}} {
		if _, err := f.Seek(step.offset, io.SeekStart); err != nil {
			return err
		}
		if _, err := f.WriteString(step.text); err != nil {
			return err
		}
	}
	if _, err := f.WriteAt([]byte("AT"), 1); err != nil {
		return err
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	appender, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer appender.Close()
	if _, err := appender.WriteString("+tail"); err != nil {
		return err
	}
	if err := f.Truncate(18); err != nil {
		return err
	}
	data, err := os.ReadFile(name)
	part := make([]byte, 4)
	n, readErr := f.ReadAt(part, 16)
	return errors.Join(err,
		expect("end", end, int64(16)),
		expect("content", string(data), "0AT3four89\x00\x00past+t"),
		expect("read at", n, 2), expect("read at the end", readErr, io.EOF))
}

func largeFile(dir string) error {
	f, err := os.Create(filepath.Join(dir, "large"))
	if err != nil {
		return err
	}
	defer f.Close()
	block := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	for range 300 {
		if _, err := f.Write(block); err != nil {
			return err
		}
	}
	data, err := os.ReadFile(f.Name())
	if err != nil {
		return err
	}
	return expect("content", bytes.Equal(data, bytes.Repeat(block, 300)), true)
}

func directories(dir string) error {
	deep := filepath.Join(dir, "a", "b", "c")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"z", "é", "m"} {
		if err := os.WriteFile(filepath.Join(deep, name), []byte(name), 0o644); err != nil {
			return err
		}
	}
	moved := filepath.Join(dir, "moved")
	if err := os.Rename(filepath.Join(dir, "a"), moved); err != nil {
		return err
	}
	var seen []string
	err := filepath.WalkDir(moved, func(path string, entry fs.DirEntry, err error) error {
		seen = append(seen, strings.TrimPrefix(path, moved)+map[bool]string{true: "/"}[entry.IsDir()])
		return err
	})
	entries, readErr := os.ReadDir(filepath.Join(moved, "b"))
	return errors.Join(err, readErr,
		expect("walk", strings.Join(seen, " "), "/ /b/ /b/c/ /b/c/m /b/c/z /b/c/é"),
		expect("entries", len(entries), 1))
}

func errorValues(dir string) error {
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		return err
	}
	_, missing := os.Open(filepath.Join(dir, "missing"))
	_, below := os.Open(filepath.Join(file, "below"))
	_, exists := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	_, listed := os.ReadDir(file)
	result := errors.Join()
	for _, c := range []struct {
		what      string
		err, want error
	}{
		{"open what is missing", missing, fs.ErrNotExist},
		{"open below a file", below, syscall.ENOTDIR},
		{"create what exists", exists, fs.ErrExist},
		{"read a file as a directory", listed, syscall.ENOTDIR},
		{"mkdir twice", os.Mkdir(dir, 0o755), fs.ErrExist},
		{"remove a directory with a file", os.Remove(dir), syscall.ENOTEMPTY},
		{"write to a directory", os.WriteFile(dir, nil, 0o644), syscall.EISDIR},
		{"symlink", os.Symlink(file, file+"2"), syscall.ENOSYS},
	} {
		if !errors.Is(c.err, c.want) {
			result = errors.Join(result, fmt.Errorf("%s: %v", c.what, c.err))
		}
	}
	return result
}

func statValues(dir string) error {
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("12345"), 0o640); err != nil {
		return err
	}
	if err := os.Link(file, file+"2"); err != nil {
		return err
	}
	first, err := os.Stat(file)
	if err != nil {
		return err
	}
	second, err := os.Lstat(file + "2")
	if err != nil {
		return err
	}
	parent, err := os.Stat(dir)
	if err != nil {
		return err
	}
	return errors.Join(
		expect("size", first.Size(), int64(5)),
		expect("mode", first.Mode(), fs.FileMode(0o640)),
		expect("same file", os.SameFile(first, second), true),
		expect("not the same file", os.SameFile(first, parent), false),
		expect("directory", parent.IsDir(), true),
		expect("time set", first.ModTime().Year() > 2000, true))
}

func workingDirectory(string) error {
	before, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := os.MkdirAll("relative/below", 0o755); err != nil {
		return err
	}
	if err := os.Chdir("relative"); err != nil {
		return err
	}
	inside, err := filepath.Abs("below")
	return errors.Join(err,
		expect("working directory", before, "/app"),
		expect("absolute", inside, "/app/relative/below"),
		os.Chdir(".."), os.RemoveAll("relative"))
}

func rootedFiles(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.WriteFile("inside", []byte("x"), 0o644); err != nil {
		return err
	}
	data, err := root.ReadFile("inside")
	_, outside := root.Open("../outside")
	return errors.Join(err, expect("content", string(data), "x"), expect("outside refused", outside != nil, true))
}
