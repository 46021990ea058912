# Runs as root inside a throw-away sandbox: tries everything at once and says what came of each, one line a try.
#   perl inside.pl SECONDS ID KIND ADDRESS PORT [ID KIND ADDRESS PORT ...]
# A line is ID, a tab, what happened (answered, refused, silent, unsent, opened), a tab, the error's name or nothing.
use strict;
use warnings;
use Socket qw(:all);
use Fcntl qw(F_SETFL O_NONBLOCK);
use Time::HiRes qw(time);

use constant { VSOCK => 40, PACKET => 17, UNPORTED => 255 };

my ($seconds, @given) = @ARGV;
my $deadline = time + $seconds;
my %open;

sub report { print join("\t", @_), "\n" }
sub problem { my ($number) = @_; local $! = $number; (grep { $!{$_} } sort keys %!)[0] // "error $number" }

# A question for the address of probe.example, as any client asks it; something short for all others.
my $question = pack("n6", 0x6d62, 0x0100, 1, 0, 0, 0) . "\5probe\7example\0" . pack("n2", 1, 1);
sub greeting { my ($port) = @_; $port == 53 ? $question : "probe" }
my $echo = do {
    my @words = (0x0800, 0, 0x6d62, 1);
    my $sum = 0;
    $sum += $_ for @words;
    $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
    pack("n4", $words[0], ~$sum & 0xffff, @words[2, 3]);
};

my %make = (
    tcp    => sub { [AF_INET, SOCK_STREAM, 0] },
    udp    => sub { [AF_INET, SOCK_DGRAM, 0] },
    icmp   => sub { [AF_INET, SOCK_DGRAM, 1] },
    tcp6   => sub { [AF_INET6, SOCK_STREAM, 0] },
    udp6   => sub { [AF_INET6, SOCK_DGRAM, 0] },
    unix   => sub { [AF_UNIX, SOCK_STREAM, 0] },
    raw    => sub { [AF_INET, SOCK_RAW, UNPORTED] },
    packet => sub { [PACKET, SOCK_RAW, 0] },
    vsock  => sub { [VSOCK, SOCK_STREAM, 0] },
);

sub place {
    my ($kind, $address, $port) = @_;
    return pack_sockaddr_un($address) if $kind eq "unix";
    return pack_sockaddr_in($port, inet_pton(AF_INET, $address)) unless $kind =~ /6$/;
    my $scope = 0;
    if ($address =~ /^f[ef]/ and open my $file, "<", "/sys/class/net/eth0/ifindex") { $scope = 0 + <$file> }
    return pack_sockaddr_in6($port, inet_pton(AF_INET6, $address), $scope, 0);
}

while (my ($id, $kind, $address, $port) = splice @given, 0, 4) {
    my ($domain, $type, $protocol) = @{ $make{$kind}->() };
    if (!socket(my $socket, $domain, $type, $protocol)) { report($id, "unsent", problem($!)) }
    elsif ($kind =~ /^(raw|packet|vsock)$/) { report($id, "opened", "") }
    else {
        fcntl($socket, F_SETFL, O_NONBLOCK);
        setsockopt($socket, SOL_SOCKET, SO_BROADCAST, 1) if $kind eq "udp";
        my $isStream = $type == SOCK_STREAM;
        if (connect($socket, place($kind, $address, $port))) {
            if ($isStream) { report($id, "answered", ""); next }
            my $sent = syswrite($socket, $kind eq "icmp" ? $echo : greeting($port));
            if (!defined $sent) { report($id, "unsent", problem($!)); next }
            $open{$id} = [$socket, $isStream];
        }
        elsif ($isStream and $!{EINPROGRESS}) { $open{$id} = [$socket, $isStream] }
        else { report($id, "unsent", problem($!)) }
    }
}

while (%open and (my $left = $deadline - time) > 0) {
    my ($reads, $writes) = ("", "");
    for (values %open) { my ($socket, $isStream) = @$_; vec($isStream ? $writes : $reads, fileno $socket, 1) = 1 }
    next unless select($reads, $writes, undef, $left) > 0;
    for my $id (keys %open) {
        my ($socket, $isStream) = @{ $open{$id} };
        next unless vec($isStream ? $writes : $reads, fileno $socket, 1);
        my $error = unpack("i", getsockopt($socket, SOL_SOCKET, SO_ERROR));
        $error = $! + 0 if !$isStream and !$error and !defined sysread($socket, my $answer, 4096);
        report($id, $error ? ("refused", problem($error)) : ("answered", ""));
        delete $open{$id};
    }
}
report($_, "silent", "") for sort keys %open;
