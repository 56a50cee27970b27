// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Burnable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Burnable.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {AccountsSlot} from "./libraries/AccountsSlot.sol";
import {ICollectable} from "./libraries/ICollectable.sol";
import {Leaves} from "./libraries/Leaves.sol";
import {LedgerMath} from "./libraries/LedgerMath.sol";
import {Receipt, ReceiptHash} from "./libraries/ReceiptHash.sol";

/// @title Batches of payments: an aggregator redeems many vouchers, then commits to who is owed what in one root.
/// @notice Each aggregator has a ledger of its own, fed by redeemed vouchers alone and never by another's money: a
/// false root can at most misdirect what its own aggregator collected. Claims pay the provider, may be made by anyone
/// and cannot be paused.
/// @dev The token is fixed at deployment and has no hooks and no fee; state is written before every transfer.
contract QUIVerSettlement is EIP712, AccessManaged, Pausable {
    using SafeERC20 for IERC20;

    /// @notice How many batches' receipts can be proved false; older roots are overwritten.
    uint256 public constant RECEIPTS_KEPT = 8;

    /// @param merkleRoot Root over `Leaves.payout`: for every provider all that it has earned with this aggregator.
    /// @param receiptsRoot Root over `Leaves.receipt`: the receipts that this batch adds.
    /// @param totalAmount Sum of all payout leaves, base units: cumulative, as they are.
    /// @param receiptCount How many receipts the batch adds; told for audits, nothing is computed from it.
    /// @param epoch One more than that of the aggregator's batch before, from 1.
    struct Batch {
        bytes32 merkleRoot;
        bytes32 receiptsRoot;
        uint96 totalAmount;
        uint32 receiptCount;
        uint32 epoch;
    }

    /// @notice A receipt and its place in a batch.
    struct Evidence {
        uint32 epoch;
        uint256 index;
        Receipt receipt;
        bytes signature;
        bytes32[] proof;
    }

    /// @notice An aggregator's state as of now, for readers.
    struct LedgerView {
        uint96 total;
        uint96 paid;
        uint96 credit;
        uint96 waiting;
        uint40 activeAt;
        uint32 epoch;
        uint32 idleSince;
        uint96 bond;
        uint40 exitAt;
        bytes32 liveRoot;
        bytes32 waitingRoot;
    }

    struct Ledger {
        AccountsSlot accounts;
        uint96 credit; // redeemed from vouchers, in no batch yet
        uint96 waiting; // what the waiting root adds to the total
        uint32 epoch; // of the last batch
        uint32 idleSince; // last batch, or when the credit began; 0 with credit: suspended
        uint96 bond;
        uint40 exitAt; // when the bond may leave; 0: not leaving
        bytes32[2] roots;
        bytes32[RECEIPTS_KEPT] receiptsRoots;
    }

    /// @notice A bond leaves so long after its owner asked, longer than any root can wait.
    uint40 public constant EXIT_DELAY = 7 days;
    /// @notice Credit that its aggregator leaves alone for so long may be given to another to settle.
    uint40 public constant IDLE_LIMIT = 30 days;
    uint40 private constant MIN_ACTIVATION_DELAY = 1 minutes;
    uint40 private constant MAX_ACTIVATION_DELAY = 3 days;

    IERC20 public immutable token;
    ICollectable public immutable channels;
    /// @notice Least bond of an aggregator, base units.
    uint96 public immutable minimumBond;
    /// @notice Seconds from a batch to its first claim, in which it can be audited and disabled; also between batches.
    uint40 public immutable activationDelay;

    mapping(address aggregator => Ledger) private _ledgers;
    /// @notice What a provider was paid by an aggregator's roots in all.
    mapping(address aggregator => mapping(address provider => uint256)) public claimed;

    event Bonded(address indexed aggregator, uint256 bond);
    event ExitRequested(address indexed aggregator, uint256 exitAt);
    event ExitCancelled(address indexed aggregator);
    event BondWithdrawn(address indexed aggregator, uint256 amount);
    event Collected(address indexed aggregator, uint256 amount);
    event BatchSubmitted(
        address indexed aggregator,
        uint256 indexed epoch,
        bytes32 merkleRoot,
        bytes32 receiptsRoot,
        uint256 totalAmount,
        uint256 receiptCount,
        uint256 activeAt
    );
    event RootDisabled(address indexed aggregator, uint256 indexed epoch, uint256 returned);
    event Claimed(address indexed aggregator, address indexed provider, uint256 amount);
    event Slashed(address indexed aggregator, uint256 indexed epoch, address indexed reporter, uint256 reward, uint256 burned);
    event CreditReassigned(address indexed from, address indexed to, uint256 amount);

    error ZeroAddress();
    error ZeroAmount();
    error OtherToken(address token);
    error DelayOutOfRange(uint256 delay);
    error NotBonded(uint256 bond, uint256 minimum);
    error Leaving(uint256 exitAt);
    error NotLeaving();
    error TooEarly(uint256 exitAt);
    error CreditLeft(uint256 credit);
    error BatchWaiting(uint256 activeAt);
    error WrongEpoch(uint256 expected);
    error EmptyBatch();
    error TotalNotRising(uint256 total);
    error InsufficientCredit(uint256 credit, uint256 needed);
    error NotWaiting(address aggregator, uint256 epoch);
    error InvalidProof();
    error NothingToClaim();
    error UnknownBatch(address aggregator, uint256 epoch);
    error ValidSignature();
    error NotDuplicate();
    error CreditInUse(address aggregator);
    error Suspended();

    constructor(IERC20 token_, ICollectable channels_, address authority, uint96 minimumBond_, uint40 activationDelay_)
        EIP712("quiver", "1")
        AccessManaged(authority)
    {
        if (address(token_) == address(0) || authority == address(0)) revert ZeroAddress();
        if (address(channels_.token()) != address(token_)) revert OtherToken(address(channels_.token()));
        if (minimumBond_ == 0) revert ZeroAmount();
        if (activationDelay_ < MIN_ACTIVATION_DELAY || activationDelay_ > MAX_ACTIVATION_DELAY) {
            revert DelayOutOfRange(activationDelay_);
        }
        token = token_;
        channels = channels_;
        minimumBond = minimumBond_;
        activationDelay = activationDelay_;
    }

    // Bonds

    /// @notice Adds to the sender's bond.
    function bond(uint96 amount) external whenNotPaused {
        if (amount == 0) revert ZeroAmount();
        Ledger storage ledger = _ledgers[msg.sender];
        ledger.bond += amount;
        emit Bonded(msg.sender, ledger.bond);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Begins to leave: no more batches, and the bond is free after `EXIT_DELAY`, in which fraud can be proved.
    /// @dev Credit must be settled first, except in a pause, which forbids that; `reassignCredit` then finds it.
    function requestExit() external {
        Ledger storage ledger = _ledgers[msg.sender];
        if (ledger.bond == 0) revert NotBonded(0, minimumBond);
        if (ledger.exitAt != 0) revert Leaving(ledger.exitAt);
        if (ledger.credit != 0 && !paused()) revert CreditLeft(ledger.credit);
        ledger.exitAt = uint40(block.timestamp) + EXIT_DELAY;
        emit ExitRequested(msg.sender, ledger.exitAt);
    }

    /// @notice Takes `requestExit` back.
    function cancelExit() external {
        Ledger storage ledger = _ledgers[msg.sender];
        if (ledger.exitAt == 0) revert NotLeaving();
        ledger.exitAt = 0;
        emit ExitCancelled(msg.sender);
    }

    /// @notice Returns the bond of an aggregator that asked to leave; a slash would have ended its leaving.
    function withdrawBond() external {
        Ledger storage ledger = _ledgers[msg.sender];
        if (ledger.exitAt == 0) revert NotLeaving();
        if (block.timestamp < ledger.exitAt) revert TooEarly(ledger.exitAt);
        uint96 amount = ledger.bond;
        ledger.bond = 0;
        ledger.exitAt = 0;
        emit BondWithdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    // Settling

    /// @notice Redeems vouchers of providers that gave this contract and the sender a mandate; the sum is the sender's
    /// credit, which can leave in no other way than by a batch.
    /// @param items Packed vouchers, as in `QUIVerChannels.redeemBatch`.
    function collect(address[] calldata providers, bytes[] calldata items)
        external
        whenNotPaused
        returns (uint256 amount)
    {
        Ledger storage ledger = _bonded(msg.sender);
        amount = channels.collect(msg.sender, providers, items);
        if (ledger.credit == 0) ledger.idleSince = uint32(block.timestamp);
        ledger.credit += uint96(amount);
        emit Collected(msg.sender, amount);
    }

    /// @notice Commits the sender to a batch; its funds are taken from what the sender collected.
    function submitBatch(Batch calldata batch) external whenNotPaused {
        Ledger storage ledger = _bonded(msg.sender);
        AccountsSlot accounts = _current(ledger);
        if (accounts.activeAt() != 0) revert BatchWaiting(accounts.activeAt());
        uint32 epoch = ledger.epoch + 1;
        if (batch.epoch != epoch) revert WrongEpoch(epoch);
        if (batch.merkleRoot == 0 || batch.receiptsRoot == 0 || batch.receiptCount == 0) revert EmptyBatch();
        if (batch.totalAmount <= accounts.total()) revert TotalNotRising(accounts.total());
        uint256 added = batch.totalAmount - accounts.total();
        uint256 credit = ledger.credit;
        if (added > credit) revert InsufficientCredit(credit, added);
        if (ledger.idleSince == 0) revert Suspended();

        uint256 activeAt = block.timestamp + activationDelay;
        ledger.accounts = accounts.waitingUntil(activeAt);
        ledger.credit = uint96(credit - added);
        ledger.waiting = uint96(added);
        ledger.epoch = epoch;
        ledger.idleSince = uint32(block.timestamp);
        ledger.roots[accounts.live() ^ 1] = batch.merkleRoot;
        ledger.receiptsRoots[epoch % RECEIPTS_KEPT] = batch.receiptsRoot;
        emit BatchSubmitted(
            msg.sender, epoch, batch.merkleRoot, batch.receiptsRoot, batch.totalAmount, batch.receiptCount, activeAt
        );
    }

    /// @notice Discards a root that waits. What it would have paid is its aggregator's credit again, and the aggregator is
    /// suspended: no batches, until `reassignCredit` has given the credit to another, or to itself where it was a mistake.
    function disableRoot(address aggregator, uint32 epoch) external restricted {
        Ledger storage ledger = _ledgers[aggregator];
        if (ledger.epoch != epoch || !_discardWaiting(aggregator, ledger)) revert NotWaiting(aggregator, epoch);
        ledger.idleSince = 0;
    }

    /// @notice Pays a provider what it earned since its last claim. Anyone may call it.
    /// @param cumulative The amount in the provider's leaf of the live root.
    /// @dev Pays less if the ledger has less left, which only a root that sums to more than its total can cause.
    function claimCumulative(address aggregator, address provider, uint256 cumulative, bytes32[] calldata proof)
        external
    {
        Ledger storage ledger = _ledgers[aggregator];
        AccountsSlot accounts = _current(ledger);
        if (!MerkleProof.verifyCalldata(proof, ledger.roots[accounts.live()], Leaves.payout(provider, cumulative))) {
            revert InvalidProof();
        }
        uint256 before = claimed[aggregator][provider];
        uint256 amount = LedgerMath.claimable(accounts.total(), accounts.paid(), before, cumulative);
        if (amount == 0) revert NothingToClaim();
        claimed[aggregator][provider] = before + amount;
        ledger.accounts = accounts.afterPaying(amount);
        emit Claimed(aggregator, provider, amount);
        token.safeTransfer(provider, amount);
    }

    // Fraud

    /// @notice Proves that an aggregator put a receipt into a batch that its provider did not sign.
    function proveBadSignature(address aggregator, Evidence calldata evidence) external {
        (bytes32 digest,) = _requireIncluded(aggregator, evidence);
        (address signer, ECDSA.RecoverError problem,) = ECDSA.tryRecoverCalldata(digest, evidence.signature);
        if (problem == ECDSA.RecoverError.NoError && signer == evidence.receipt.paymentAddress) revert ValidSignature();
        _slash(aggregator, evidence.epoch);
    }

    /// @notice Proves that an aggregator put two receipts of one provider for one channel's same nonce into its batches.
    /// @dev Another provider's receipt is none: anyone can sign one that names any channel. Nor is a receipt that names no
    /// channel. The leaves are compared and not their indices, which the aggregator chooses.
    function proveDuplicate(address aggregator, Evidence calldata first, Evidence calldata second) external {
        (, bytes32 one) = _requireIncluded(aggregator, first);
        (, bytes32 two) = _requireIncluded(aggregator, second);
        if (
            first.receipt.channelId == 0 || first.receipt.channelId != second.receipt.channelId
                || first.receipt.nonce != second.receipt.nonce
                || first.receipt.paymentAddress != second.receipt.paymentAddress
                || (first.epoch == second.epoch && one == two)
        ) revert NotDuplicate();
        _slash(aggregator, first.epoch > second.epoch ? first.epoch : second.epoch);
    }

    // Governing

    /// @notice Stops bonds, collecting and batches. Claims, exits and proofs go on.
    function pause() external restricted {
        _pause();
    }

    function unpause() external restricted {
        _unpause();
    }

    /// @notice Gives credit that its aggregator cannot or does not settle to one that will: after a slash or a disabled
    /// root, or when it has been left alone for `IDLE_LIMIT`.
    function reassignCredit(address from, address to) external restricted {
        Ledger storage source = _ledgers[from];
        if (source.bond >= minimumBond && block.timestamp < source.idleSince + IDLE_LIMIT) revert CreditInUse(from);
        Ledger storage target = _bonded(to);
        uint96 amount = source.credit;
        if (amount == 0) revert ZeroAmount();
        source.credit = 0;
        if (target.credit == 0) target.idleSince = uint32(block.timestamp);
        target.credit += amount;
        emit CreditReassigned(from, to, amount);
    }

    // Reading

    function ledgerOf(address aggregator) external view returns (LedgerView memory) {
        Ledger storage ledger = _ledgers[aggregator];
        AccountsSlot accounts = _current(ledger);
        bool waits = accounts.activeAt() != 0;
        return LedgerView({
            total: uint96(accounts.total()),
            paid: uint96(accounts.paid()),
            credit: ledger.credit,
            waiting: waits ? ledger.waiting : 0,
            activeAt: uint40(accounts.activeAt()),
            epoch: ledger.epoch,
            idleSince: ledger.idleSince,
            bond: ledger.bond,
            exitAt: ledger.exitAt,
            liveRoot: ledger.roots[accounts.live()],
            waitingRoot: waits ? ledger.roots[accounts.live() ^ 1] : bytes32(0)
        });
    }

    /// @notice The receipts' root of one of the last `RECEIPTS_KEPT` batches; 0: too old, unknown or proved false.
    function receiptsRootOf(address aggregator, uint32 epoch) public view returns (bytes32) {
        Ledger storage ledger = _ledgers[aggregator];
        bool kept = epoch <= ledger.epoch && epoch + RECEIPTS_KEPT > ledger.epoch;
        return kept ? ledger.receiptsRoots[epoch % RECEIPTS_KEPT] : bytes32(0);
    }

    /// @notice Digest of a receipt, EIP-712: what its provider signs.
    function receiptDigest(Receipt calldata receipt) public view returns (bytes32) {
        return _hashTypedDataV4(ReceiptHash.hash(receipt));
    }

    /// @notice Leaf of a receipt in a receipts' tree.
    function receiptLeaf(uint256 index, bytes32 digest, bytes calldata signature) public pure returns (bytes32) {
        return Leaves.receipt(index, digest, keccak256(signature));
    }

    /// @notice Leaf of a provider in a payout tree.
    function payoutLeaf(address provider, uint256 cumulative) external pure returns (bytes32) {
        return Leaves.payout(provider, cumulative);
    }

    // Inside

    function _bonded(address aggregator) private view returns (Ledger storage ledger) {
        ledger = _ledgers[aggregator];
        if (ledger.bond < minimumBond) revert NotBonded(ledger.bond, minimumBond);
        if (ledger.exitAt != 0) revert Leaving(ledger.exitAt);
    }

    /// @dev The accounts as they are now: a waiting root whose time has come is live. The caller stores them.
    function _current(Ledger storage ledger) private view returns (AccountsSlot accounts) {
        accounts = ledger.accounts;
        if (accounts.activeAt() != 0 && block.timestamp >= accounts.activeAt()) {
            accounts = accounts.activated(ledger.waiting);
        }
    }

    function _discardWaiting(address aggregator, Ledger storage ledger) private returns (bool) {
        AccountsSlot accounts = ledger.accounts;
        if (accounts.activeAt() == 0 || block.timestamp >= accounts.activeAt()) return false;
        uint96 returned = ledger.waiting;
        ledger.accounts = accounts.waitingUntil(0);
        ledger.credit += returned;
        emit RootDisabled(aggregator, ledger.epoch, returned);
        return true;
    }

    function _requireIncluded(address aggregator, Evidence calldata evidence)
        private
        view
        returns (bytes32 digest, bytes32 leaf)
    {
        bytes32 root = receiptsRootOf(aggregator, evidence.epoch);
        if (root == 0) revert UnknownBatch(aggregator, evidence.epoch);
        digest = receiptDigest(evidence.receipt);
        leaf = receiptLeaf(evidence.index, digest, evidence.signature);
        if (!MerkleProof.verifyCalldata(evidence.proof, root, leaf)) revert InvalidProof();
    }

    /// @dev Forgets the receipts of the batch, so that it is slashed once; a root that still waits is discarded.
    function _slash(address aggregator, uint32 epoch) private {
        Ledger storage ledger = _ledgers[aggregator];
        uint256 amount = ledger.bond;
        if (amount == 0) revert NotBonded(0, minimumBond);
        ledger.receiptsRoots[epoch % RECEIPTS_KEPT] = 0;
        ledger.bond = 0;
        ledger.exitAt = 0;
        _discardWaiting(aggregator, ledger);
        (uint256 reward, uint256 burned) = LedgerMath.divideBond(amount);
        emit Slashed(aggregator, epoch, msg.sender, reward, burned);
        ERC20Burnable(address(token)).burn(burned);
        token.safeTransfer(msg.sender, reward);
    }
}
