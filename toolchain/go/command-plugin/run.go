// How one command is run: its shell, environment, input and output.
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	provider "github.com/pulumi/pulumi-go-provider"
)

// run executes the command and stores what it printed in the state. A non-zero exit code is an error with both streams.
func (s *State) run(ctx context.Context, command string) error {
	words := []string{"/bin/sh", "-c"}
	if s.Interpreter != nil && len(*s.Interpreter) > 0 {
		words = *s.Interpreter
	}
	words = append(append([]string{}, words...), command)
	process := exec.CommandContext(ctx, words[0], words[1:]...)
	// A process group of its own, so that a cancelled update also ends what the shell started.
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	process.Cancel = func() error { return syscall.Kill(-process.Process.Pid, syscall.SIGKILL) }
	process.WaitDelay = 10 * time.Second
	process.Env = s.environment()
	if s.Dir != nil {
		process.Dir = *s.Dir
	}
	if s.Stdin != nil {
		process.Stdin = strings.NewReader(*s.Stdin)
	}

	var stdout, stderr, both bytes.Buffer
	log := newLineLog(ctx, &both)
	process.Stdout = io.MultiWriter(&stdout, log.stream(s.logs("stdout")))
	process.Stderr = io.MultiWriter(&stderr, log.stream(s.logs("stderr")))
	err := process.Run()
	log.close()
	s.Stdout = strings.TrimSuffix(stdout.String(), "\n")
	s.Stderr = strings.TrimSuffix(stderr.String(), "\n")
	if err != nil {
		return fmt.Errorf("%w: running %q:\n%s", err, command, both.String())
	}
	return nil
}

func (s *State) environment() []string {
	environment := os.Environ()
	if s.AddPreviousOutputInEnv == nil || *s.AddPreviousOutputInEnv {
		if s.Stdout != "" {
			environment = append(environment, "PULUMI_COMMAND_STDOUT="+s.Stdout)
		}
		if s.Stderr != "" {
			environment = append(environment, "PULUMI_COMMAND_STDERR="+s.Stderr)
		}
	}
	for name, value := range s.Environment {
		environment = append(environment, name+"="+value)
	}
	return environment
}

func (s *State) logs(stream string) bool {
	return s.Logging == nil || *s.Logging == "stdoutAndStderr" || *s.Logging == stream
}

// lineLog passes output on to Pulumi's log line by line, and keeps both streams in the order in which they came.
type lineLog struct {
	logger  provider.Logger
	lock    sync.Mutex
	both    *bytes.Buffer
	writers []*io.PipeWriter
	readers sync.WaitGroup
}

func newLineLog(ctx context.Context, both *bytes.Buffer) *lineLog {
	return &lineLog{logger: provider.GetLogger(ctx), both: both}
}

func (l *lineLog) stream(logged bool) io.Writer {
	reader, writer := io.Pipe()
	l.writers = append(l.writers, writer)
	l.readers.Add(1)
	go func() {
		defer l.readers.Done()
		lines := bufio.NewReader(reader)
		for {
			line, err := lines.ReadString('\n')
			if line != "" {
				l.lock.Lock()
				l.both.WriteString(line)
				if logged {
					l.logger.Info(strings.TrimSuffix(line, "\n"))
				}
				l.lock.Unlock()
			}
			if err != nil {
				return
			}
		}
	}()
	return writer
}

func (l *lineLog) close() {
	for _, writer := range l.writers {
		_ = writer.Close()
	}
	l.readers.Wait()
}
