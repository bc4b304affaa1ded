/* Preloaded in front of the plugin: system calls that fail as FAULT says. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ROUTE = 1, DIAG = 2, GENERIC = 3, EVENTS = 4 };
static char kinds[4096];

static int fault(const char *name) {
    const char *set = getenv("FAULT");
    return set && !strcmp(set, name);
}

static int kind(int fd) { return fd >= 0 && fd < (int)sizeof kinds ? kinds[fd] : 0; }

int socket(int family, int type, int protocol) {
    if (family == AF_NETLINK && (fault("family") || fault("no interfaces"))) { errno = EAFNOSUPPORT; return -1; }
    if (family == AF_NETLINK && fault("files")) { errno = ENFILE; return -1; }
    int fd = syscall(SYS_socket, family, type, protocol);
    if (fd >= 0 && fd < (int)sizeof kinds)
        kinds[fd] = family != AF_NETLINK ? 0 : protocol == NETLINK_GENERIC ? GENERIC
                                           : protocol == NETLINK_SOCK_DIAG ? DIAG
                                                                           : ROUTE;
    return fd;
}

int bind(int fd, const struct sockaddr *address, socklen_t length) {
    if (kind(fd) == DIAG && ((const struct sockaddr_nl *)address)->nl_groups) {
        if (fault("subscribe")) { errno = EPERM; return -1; }
        kinds[fd] = EVENTS;
    }
    return syscall(SYS_bind, fd, address, length);
}

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t size) {
    char copy[1024];
    if (kind(fd) && length <= sizeof copy) {
        memcpy(copy, bytes, length);
        struct nlmsghdr *header = (struct nlmsghdr *)copy;
        /* RTM_GETSTATS becomes a message that no kernel knows. */
        if (kind(fd) == ROUTE && fault("stats") && header->nlmsg_type == 94) header->nlmsg_type = 4094;
        char *family = kind(fd) == GENERIC && fault("ethtool") ? memmem(copy, length, "ethtool", 7) : NULL;
        if (family) *family = 'x';
        /* The kernel has no module for udp (17) and sctp (132). */
        if (kind(fd) == DIAG && fault("module") && ((unsigned char)copy[17] == 17 || (unsigned char)copy[17] == 132))
            copy[17] = 77;
        bytes = copy;
    }
    return syscall(SYS_sendto, fd, bytes, length, flags, to, size);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    static int events;
    if (kind(fd) == GENERIC && fault("slow speeds")) { errno = EAGAIN; return -1; }
    if (kind(fd) == GENERIC && fault("speeds")) { errno = EIO; return -1; }
    if (kind(fd) == EVENTS && fault("broken")) {
        ssize_t queued = syscall(SYS_recvmsg, fd, message, flags);
        if (queued < 0) return -1;
        errno = EIO;
        return -1;
    }
    if (kind(fd) == EVENTS && fault("long event") && !events++) {
        syscall(SYS_recvmsg, fd, message, flags | MSG_PEEK);
        memset(message->msg_name, 0, sizeof(struct sockaddr_nl));
        ((struct sockaddr_nl *)message->msg_name)->nl_family = AF_NETLINK;
        message->msg_namelen = sizeof(struct sockaddr_nl);
        return 1 << 20;
    }
    if (kind(fd) == DIAG || kind(fd) == ROUTE) {
        if (fault("queue")) { errno = ENOBUFS; return -1; }
        if (fault("slow")) { errno = EAGAIN; return -1; }
    }
    ssize_t received = syscall(SYS_recvmsg, fd, message, flags);
    if (kind(fd) == DIAG && received >= (ssize_t)sizeof(struct nlmsghdr)) {
        char *bytes = message->msg_iov[0].iov_base;
        if (fault("truncated")) return 100000000;
        if (fault("malformed")) ((struct nlmsghdr *)bytes)->nlmsg_len = 3;
        /* The first attribute of each socket has an impossible length. */
        for (ssize_t at = 0; fault("rows") && at + 92 < received;) {
            struct nlmsghdr *header = (struct nlmsghdr *)(bytes + at);
            if (header->nlmsg_type != NLMSG_DONE && header->nlmsg_len > 92)
                memset(bytes + at + 88, 1, 1), memset(bytes + at + 89, 0, 1);
            at += NLMSG_ALIGN(header->nlmsg_len);
        }
    }
    return received;
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *length) {
    static unsigned lost;
    int result = syscall(SYS_getsockopt, fd, level, name, value, length);
    /* SO_MEMINFO: more losses each time. */
    if (name == 55 && !result && fault("losses")) ((unsigned *)value)[8] = lost++;
    return result;
}

int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    int mode = va_arg(more, int);
    va_end(more);
    size_t length = strlen(path);
    if (fault("no interfaces") && length > 8 && !strcmp(path + length - 8, "/net/dev")) { errno = EACCES; return -1; }
    return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t read(int fd, void *buffer, size_t size) {
    struct stat status;
    if (fault("read") && size >= 4096 && !fstat(fd, &status) && S_ISFIFO(status.st_mode)) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_read, fd, buffer, size);
}

pid_t waitpid(pid_t pid, int *status, int options) {
    pid_t reaped = syscall(SYS_wait4, pid, status, options, NULL);
    if (reaped > 0 && fault("wait")) { errno = ECHILD; return -1; }
    return reaped;
}
