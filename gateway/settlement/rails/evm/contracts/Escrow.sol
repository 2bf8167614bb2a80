// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

interface Token {
    function balanceOf(address owner) external view returns (uint256);
}

/// Deposits of one ERC-20 token that back what their owners come to owe in one gateway's channels,
/// and the runs by which that gateway settles. What this proves, and what not, is in docs/chain.md.
///
/// Amounts are in units: each is `unit` base units of the token, so no amount is ever rounded.
/// An owner's money is `locked` (deposited; the gateway may collect from it) or `free` (the owner's
/// alone). The rest of what is held is the operator's `bond`: it pays what the gateway's signed word
/// owes to somebody and its runs did not pay. Nobody's money ever pays another owner's dispute.
contract Escrow {
    struct Account {
        uint64 locked;
        uint64 free;
        int64 settled; // all that was ever paid to it by runs and claims, less what was collected
        uint32 sequence; // of the settlement that `settled` is of
        uint32 leaving; // Unix second from which its owner may exit, 0 for one who stays
    }

    /// The gateway's word on one settlement is its signature over these, by EIP-712.
    struct Signature {
        bytes32 r;
        bytes32 s;
        uint8 v;
    }

    bytes32 private constant DOMAIN = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant SETTLEMENT =
        keccak256("Settlement(uint32 sequence,bytes32 batch,uint32 count,bytes32 root)");
    uint256 private constant MOST = 2 ** 63 - 1;

    address public immutable token;
    uint256 public immutable unit;
    uint32 public immutable period; // seconds that an exit, the bond and a retired signer wait

    address public operator;
    address public offered; // who may become the operator
    address public signer;
    uint32 public last; // sequence of the newest settlement
    bool public paused;
    uint64 public bond;
    uint64 public bondAsked;
    uint32 public bondReady; // Unix second
    uint64 public held; // all that is locked, free, or bond

    mapping(address owner => Account) public accounts;
    mapping(uint32 sequence => bytes32) public roots;
    mapping(address signer => uint32) public retired; // Unix second from which its word is no claim

    bool private transient entered;

    event Deposited(address indexed owner, uint64 units);
    event BondAdded(uint64 units);
    event Settled(uint32 indexed sequence, bytes32 indexed batch, bytes32 root, uint32 short);
    event Short(uint32 indexed sequence, address indexed owner, uint64 owed);
    event Claimed(uint32 indexed sequence, address indexed owner, uint64 units);
    event Withdrawn(address indexed owner, address to, uint64 units);
    event Leaving(address indexed owner, uint32 from);
    event Exited(address indexed owner, uint64 units);
    event Released(address indexed owner, uint64 units);
    event BondAsked(uint64 units, uint32 from);
    event BondTaken(address to, uint64 units);
    event SignerIs(address signer);
    event OperatorIs(address operator);
    event PausedIs(bool paused);

    error NotOperator();
    error NotOffered();
    error IsPaused();
    error Reentered();
    error BadSetting();
    error TooMuch();
    error TokenRefused();
    error NotWhole(); // the token moved another amount than it was told to
    error OutOfOrder(uint32 expected);
    error BadEntries();
    error NotSigned();
    error BondTooSmall(uint256 missing);
    error NothingToClaim();
    error NotYet();

    modifier onlyOperator() {
        require(msg.sender == operator, NotOperator());
        _;
    }

    modifier once() {
        require(!entered, Reentered());
        entered = true;
        _;
        entered = false;
    }

    constructor(address token_, uint256 unit_, uint32 period_, address signer_) {
        require(unit_ != 0 && unit_ <= type(uint128).max, BadSetting());
        require(period_ >= 1 hours && period_ <= 30 days, BadSetting());
        require(signer_ != address(0) && token_.code.length != 0, BadSetting());
        token = token_;
        unit = unit_;
        period = period_;
        signer = signer_;
        operator = msg.sender;
        emit SignerIs(signer_);
        emit OperatorIs(msg.sender);
    }

    // Money in

    /// Lock `units` of the sender's tokens for `owner`.
    function deposit(address owner, uint64 units) external once {
        require(!paused, IsPaused());
        _take(units);
        accounts[owner].locked += units;
        emit Deposited(owner, units);
    }

    /// Add `units` of the sender's tokens to the operator's bond.
    function addBond(uint64 units) external once {
        _take(units);
        bond += units;
        emit BondAdded(units);
    }

    // The gateway's runs

    /// Settle one batch. Each entry is an owner's address, 32 zero bits, and the new `settled` of it
    /// as a 64-bit two's complement; the leaves under the root are the entries. Whoever holds the
    /// gateway's word may bring it, and bringing it twice changes nothing.
    function settle(
        uint32 sequence,
        bytes32 batch,
        uint256[] calldata entries,
        Signature calldata signature
    ) external {
        require(!paused, IsPaused());
        require(sequence == last + 1, OutOfOrder(last + 1));
        bytes32 root = _root(entries);
        require(_signed(sequence, batch, entries.length, root, signature) == signer, NotSigned());
        last = sequence;
        roots[sequence] = root;
        uint256 collected;
        uint256 paid;
        uint32 short;
        for (uint256 index; index < entries.length; ++index) {
            address owner = address(uint160(entries[index] >> 96));
            Account memory account = accounts[owner];
            if (account.sequence >= sequence) continue; // claimed before this came
            int256 change = int256(int64(uint64(entries[index]))) - account.settled;
            if (change < 0) {
                uint256 owed = uint256(-change);
                // Who waited out the notice is gone, even before taking the money.
                bool gone = account.leaving != 0 && block.timestamp >= account.leaving;
                if (gone || owed > account.locked) {
                    emit Short(sequence, owner, owed > MOST ? uint64(MOST) : uint64(owed));
                    ++short;
                    continue;
                }
                account.locked -= uint64(owed);
                collected += owed;
            } else {
                if (uint256(change) > held) revert BondTooSmall(uint256(change) - held);
                account.free += uint64(uint256(change));
                paid += uint256(change);
            }
            account.settled += int64(change);
            account.sequence = sequence;
            accounts[owner] = account;
        }
        uint256 there = bond + collected;
        if (paid > there) revert BondTooSmall(paid - there);
        bond = uint64(there - paid);
        emit Settled(sequence, batch, root, short);
    }

    /// Show the gateway's later word on an owner's `entry`: the bond pays what it says beyond what
    /// the runs settled, as far as it reaches. The entry is leaf `index` of `count` under the root
    /// that was signed, by `path` (RFC 9162, 2.1.3.2).
    function claim(
        uint32 sequence,
        bytes32 batch,
        uint256 entry,
        uint32 index,
        uint32 count,
        bytes32[] calldata path,
        Signature calldata signature
    ) external {
        address by = _signed(sequence, batch, count, _rootOf(entry, index, count, path), signature);
        require(by == signer || block.timestamp < retired[by], NotSigned());
        address owner = address(uint160(entry >> 96));
        Account storage account = accounts[owner];
        int256 change = int256(int64(uint64(entry))) - account.settled;
        require(sequence >= account.sequence && change > 0, NothingToClaim());
        require(bond != 0, BondTooSmall(uint256(change)));
        uint64 units = uint256(change) > bond ? bond : uint64(uint256(change));
        if (units == uint256(change)) account.sequence = sequence;
        account.settled += int64(units);
        account.free += units;
        bond -= units;
        emit Claimed(sequence, owner, units);
    }

    // Money out

    /// Take `units` of what is the sender's and free.
    function withdraw(uint64 units, address to) external once {
        Account storage account = accounts[msg.sender];
        require(units <= account.free, TooMuch());
        account.free -= units;
        _give(to, units);
        emit Withdrawn(msg.sender, to, units);
    }

    /// Give notice: from `period` on the gateway can collect nothing more, and `exit` frees all.
    /// Notice that was given stands: giving it again does not put it off.
    function giveNotice() external {
        Account storage account = accounts[msg.sender];
        if (account.leaving == 0) account.leaving = uint32(block.timestamp) + period;
        emit Leaving(msg.sender, account.leaving);
    }

    /// Take notice back: what is locked backs the owner's channels again.
    function stay() external {
        accounts[msg.sender].leaving = 0;
        emit Leaving(msg.sender, 0);
    }

    /// Free all that is locked of an owner whose notice is over. Needs nobody's leave.
    function exit() external {
        Account storage account = accounts[msg.sender];
        require(account.leaving != 0 && block.timestamp >= account.leaving, NotYet());
        uint64 units = account.locked;
        account.locked = 0;
        account.leaving = 0;
        account.free += units;
        emit Exited(msg.sender, units);
    }

    // The operator

    /// Free `units` of what an owner has locked, without notice.
    function release(address owner, uint64 units) external onlyOperator {
        Account storage account = accounts[owner];
        require(units <= account.locked, TooMuch());
        account.locked -= units;
        account.free += units;
        emit Released(owner, units);
    }

    /// Announce that `units` of the bond will be taken, so that whoever has a claim may bring it.
    function askBond(uint64 units) external onlyOperator {
        bondAsked = units;
        bondReady = uint32(block.timestamp) + period;
        emit BondAsked(units, bondReady);
    }

    /// Take what was announced, or what is left of it. A notice lapses a period after it was over:
    /// one that stood for good would let the bond be taken at any time without a word.
    function takeBond(address to) external onlyOperator once {
        require(bondAsked != 0 && block.timestamp >= bondReady, NotYet());
        require(block.timestamp < bondReady + period, NotYet());
        uint64 units = bondAsked < bond ? bondAsked : bond;
        bondAsked = 0;
        bond -= units;
        _give(to, units);
        emit BondTaken(to, units);
    }

    /// Let another key speak for the gateway at once. The word of the old one can be claimed for
    /// `period` more, so that a rotation takes nothing back.
    function rotate(address next) external onlyOperator {
        require(next != address(0) && next != signer, BadSetting());
        retired[signer] = uint32(block.timestamp) + period;
        signer = next;
        emit SignerIs(next);
    }

    /// Stop deposits and settlements, or let them go on. Nothing that gets money out ever stops.
    function pause(bool on) external onlyOperator {
        paused = on;
        emit PausedIs(on);
    }

    /// Offer to be the operator, to an address that must accept.
    function offer(address next) external onlyOperator {
        offered = next;
    }

    /// Become the operator.
    function accept() external {
        require(msg.sender == offered, NotOffered());
        operator = msg.sender;
        offered = address(0);
        emit OperatorIs(msg.sender);
    }

    // The token

    function _take(uint64 units) private {
        require(units != 0 && units <= MOST - held, TooMuch());
        held += units;
        uint256 tokens = units * unit;
        uint256 before = Token(token).balanceOf(address(this));
        _call(
            abi.encodeWithSignature(
                "transferFrom(address,address,uint256)", msg.sender, address(this), tokens
            )
        );
        require(Token(token).balanceOf(address(this)) == before + tokens, NotWhole());
    }

    function _give(address to, uint64 units) private {
        held -= units;
        _call(abi.encodeWithSignature("transfer(address,uint256)", to, units * unit));
    }

    /// Some tokens answer with true, some with nothing; whatever else they say is a refusal.
    function _call(bytes memory data) private {
        (bool done, bytes memory answer) = token.call(data);
        require(done, TokenRefused());
        require(answer.length == 0 || abi.decode(answer, (uint256)) == 1, TokenRefused());
    }

    // What was signed

    function _signed(
        uint32 sequence,
        bytes32 batch,
        uint256 count,
        bytes32 root,
        Signature calldata signature
    ) private view returns (address) {
        bytes32 domain = keccak256(
            abi.encode(
                DOMAIN, keccak256("Tallystick"), keccak256("1"), block.chainid, address(this)
            )
        );
        bytes32 said = keccak256(abi.encode(SETTLEMENT, sequence, batch, count, root));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", domain, said));
        return ecrecover(digest, signature.v, signature.r, signature.s);
    }

    /// The Merkle tree hash of RFC 6962, 2.1, level by level: one that is left over moves up.
    function _root(uint256[] calldata entries) private pure returns (bytes32) {
        uint256 count = entries.length;
        require(count != 0 && count <= type(uint32).max, BadEntries());
        bytes32[] memory level = new bytes32[](count);
        for (uint256 index; index < count; ++index) {
            level[index] = _leaf(entries[index]);
        }
        while (count > 1) {
            for (uint256 index; index < count / 2; ++index) {
                level[index] = _node(level[2 * index], level[2 * index + 1]);
            }
            if (count % 2 == 1) level[count / 2] = level[count - 1];
            count = (count + 1) / 2;
        }
        return level[0];
    }

    function _rootOf(uint256 entry, uint256 index, uint256 count, bytes32[] calldata path)
        private
        pure
        returns (bytes32 value)
    {
        require(index < count, BadEntries());
        uint256 end = count - 1;
        value = _leaf(entry);
        for (uint256 step; step < path.length; ++step) {
            require(end != 0, BadEntries());
            if (index % 2 == 1 || index == end) {
                value = _node(path[step], value);
                while (index % 2 == 0) {
                    index /= 2;
                    end /= 2;
                }
            } else {
                value = _node(value, path[step]);
            }
            index /= 2;
            end /= 2;
        }
        require(end == 0, BadEntries());
    }

    function _leaf(uint256 entry) private pure returns (bytes32) {
        require(entry << 160 >> 224 == 0, BadEntries());
        return sha256(abi.encodePacked(hex"00", entry));
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32) {
        return sha256(abi.encodePacked(hex"01", left, right));
    }
}
