/* Programs that an upgrade must reject. The file's name selects the role; the test and the program
 * communicate by files beside it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[4096];
static char path[8192];

static const char *beside(const char *name) {
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

/* Executes the real program once a file `go` exists; writes its PID to a file `started`. It waits as
 * a shell: no process executes its own file, which therefore stays writable. */
static void check_slowly(void) {
    execl("/bin/sh", "sh", "-c",
          "echo $$ > \"$0/number\" && mv \"$0/number\" \"$0/started\";"
          "until [ -e \"$0/go\" ]; do sleep 0.02; done; exec \"$1\" --handover-check",
          dir, REAL, (char *)NULL);
}

static int check(const char *role) {
    if (!strcmp(role, "hangs")) {
        for (;;) pause();
    } else if (!strcmp(role, "crashes")) {
        raise(SIGSEGV);
    } else if (!strcmp(role, "refuses")) {
        fputs("not with \033[31mme\n", stderr);
        return 2;
    } else if (!strcmp(role, "floods")) {
        for (;;) puts("yes");
    } else if (!strcmp(role, "leaves")) {
        /* Somebody else holds its output, for long. */
        if (fork() == 0) sleep(60);
        return 0;
    } else if (!strcmp(role, "slow")) {
        check_slowly();
    }
    return 127;
}

/* Shows the state in a file `state`, and goes on with what is in a file `instead`. */
static void swap_state(char *handover) {
    static char bytes[1 << 20];
    int fd = atoi(handover);
    ssize_t count = pread(fd, bytes, sizeof bytes, 0);
    close(fd);
    FILE *state = fopen(beside("number"), "w");
    fwrite(bytes, 1, (size_t)count, state);
    fclose(state);
    char from[sizeof path];
    strcpy(from, path);
    rename(from, beside("state"));
    while (access(beside("instead"), R_OK) != 0) usleep(2000);
    char value[64];
    snprintf(value, sizeof value, "%d:%d", open(path, O_RDONLY), (int)getpid());
    setenv("TRAFFIC_FORWARDER_HANDOVER", value, 1);
}

int main(int argc, char **argv) {
    ssize_t length = readlink("/proc/self/exe", dir, sizeof dir - 1);
    dir[length < 0 ? 0 : length] = 0;
    char *role = strrchr(dir, '/');
    *role++ = 0;
    int checks = argc == 2 && !strcmp(argv[1], "--handover-check");
    if (checks && strcmp(role, "swaps")) return check(role);
    char *handover = getenv("TRAFFIC_FORWARDER_HANDOVER");
    if (!checks && !strcmp(role, "swaps") && handover) swap_state(handover);
    execv(REAL, argv);
    return 127;
}
