/* What a program for i386 does, by its own way into the kernel: a connect and an exec, with addresses that fit into its registers. */
static struct { unsigned short family, port; unsigned char address[4], rest[8]; } to = { 2, 0x0900, { 127, 0, 0, 1 } };
static char path[] = "/no/such/compat", first[] = "compat", second[] = "argument";
static unsigned argv[3];

static int call(int number, int one, int two, int three)
{
    int result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(one), "c"(two), "d"(three) : "memory");
    return result;
}

int main(void)
{
    int socket = call(359, 2, 1, 0);
    call(362, socket, (int)(long)&to, sizeof to);
    argv[0] = (int)(long)first;
    argv[1] = (int)(long)second;
    call(11, (int)(long)path, (int)(long)argv, 0);
    return 0;
}
